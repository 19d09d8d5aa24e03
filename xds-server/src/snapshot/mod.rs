//! What a proxy should run: resources by type and name, each with a version.
//!
//! A version depends on content alone, so a restart or another replica that reads the same rows serves the
//! same versions, and a proxy that reconnects is sent nothing that it has.

mod gateways;
mod kind;
mod resource;
mod set;

use std::{collections::BTreeMap, sync::Arc};

pub use gateways::Gateways;
pub use kind::Kind;
pub use resource::Resource;
pub use set::{Set, version_of};

/// Every resource of one release for one group of nodes. Immutable; streams share it.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    sets: BTreeMap<Kind, Arc<Set>>,
    /// What a kind without resources has.
    empty: Arc<Set>,
}

impl Snapshot {
    /// Collects resources. Of two with one kind and name the later stays.
    #[must_use]
    pub fn new(resources: impl IntoIterator<Item = impl Into<Arc<Resource>>>) -> Self {
        Self::default().succeeded_by(resources)
    }

    /// The snapshot of these resources, which shares with this one what is the same in both.
    #[must_use]
    pub fn succeeded_by(&self, resources: impl IntoIterator<Item = impl Into<Arc<Resource>>>) -> Self {
        let mut by_kind: BTreeMap<Kind, BTreeMap<String, Arc<Resource>>> = BTreeMap::new();
        for resource in resources.into_iter().map(Into::into) {
            by_kind.entry(resource.kind()).or_default().insert(resource.name().to_owned(), resource);
        }
        let sets = Kind::ALL.into_iter().map(|kind| {
            let resources = by_kind.remove(&kind).unwrap_or_default();
            (kind, Set::succeeding(self.set(kind), resources))
        });
        Self { sets: sets.collect(), empty: Arc::clone(&self.empty) }
    }

    /// The resources of a kind.
    #[must_use]
    pub fn set(&self, kind: Kind) -> &Arc<Set> {
        self.sets.get(&kind).unwrap_or(&self.empty)
    }

    /// A resource by kind and name.
    #[must_use]
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Arc<Resource>> {
        self.set(kind).get(name)
    }

    /// All resources of a kind, by name.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Arc<Resource>> {
        self.set(kind).iter()
    }
}

impl PartialEq for Snapshot {
    /// The same resources, however they came about.
    fn eq(&self, other: &Self) -> bool {
        Kind::ALL.into_iter().all(|kind| self.all(kind).eq(other.all(kind)))
    }
}

impl Eq for Snapshot {}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(name: &str, content: u8) -> Resource {
        Resource::new(Kind::Cluster, name, vec![content])
    }

    #[test]
    fn a_successor_shares_what_is_the_same_and_knows_what_is_not() {
        let listener = || Resource::new(Kind::Listener, "l", vec![1]);
        let first = Snapshot::new([cluster("a", 1), cluster("b", 1), cluster("c", 1), listener()]);
        let second = first.succeeded_by([cluster("a", 1), cluster("b", 2), cluster("d", 1), listener()]);
        let same = |kind, name| match (first.get(kind, name), second.get(kind, name)) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        assert!(same(Kind::Cluster, "a") && !same(Kind::Cluster, "b"));
        assert!(Arc::ptr_eq(first.set(Kind::Listener), second.set(Kind::Listener)));
        let changed = second.set(Kind::Cluster).changed_since(first.set(Kind::Cluster));
        assert_eq!(changed, Some(&["b", "d", "c"].map(str::to_owned)[..]));
        let third = second.succeeded_by([] as [Resource; 0]);
        assert_eq!(third.set(Kind::Cluster).changed_since(first.set(Kind::Cluster)), None);
        assert_ne!(first.set(Kind::Cluster).version(), second.set(Kind::Cluster).version());
    }

    #[test]
    fn the_version_of_a_set_depends_on_its_content_alone() {
        let direct = Snapshot::new([cluster("a", 2), cluster("b", 1)]);
        let history = Snapshot::new([cluster("b", 1)]).succeeded_by([cluster("b", 1), cluster("a", 2)]);
        assert_eq!(direct.set(Kind::Cluster).version(), history.set(Kind::Cluster).version());
    }
}
