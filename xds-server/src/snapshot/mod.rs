//! What a proxy should run: resources by type and name, each with a version.
//!
//! A version depends on content alone, so a restart or another replica that reads the same rows serves the
//! same versions, and a proxy that reconnects is sent nothing that it has.

mod kind;
mod resource;

use std::{collections::BTreeMap, sync::Arc};

pub use kind::Kind;
pub use resource::Resource;

/// Every resource of one release. Immutable; streams share it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    resources: BTreeMap<Kind, BTreeMap<String, Arc<Resource>>>,
}

impl Snapshot {
    /// Collects resources. Of two with one kind and name the later stays.
    #[must_use]
    pub fn new(resources: impl IntoIterator<Item = Resource>) -> Self {
        let mut snapshot = Self::default();
        for resource in resources {
            let by_name = snapshot.resources.entry(resource.kind()).or_default();
            by_name.insert(resource.name().to_owned(), Arc::new(resource));
        }
        snapshot
    }

    /// A resource by kind and name.
    #[must_use]
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Arc<Resource>> {
        self.resources.get(&kind)?.get(name)
    }

    /// All resources of a kind, by name.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Arc<Resource>> {
        self.resources.get(&kind).into_iter().flat_map(BTreeMap::values)
    }
}
