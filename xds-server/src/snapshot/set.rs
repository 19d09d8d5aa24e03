//! All resources of one kind.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use sha2::{Digest, Sha256};

use super::Resource;

/// The resources of one kind in a snapshot. Immutable and shared; two snapshots between which nothing of the kind changed
/// hold the same set.
#[derive(Debug, Default)]
pub struct Set {
    resources: BTreeMap<String, Arc<Resource>>,
    version: String,
    /// The set that this one follows and the names in which they differ, so that a stream that has the one finds out
    /// what to send without looking at everything.
    since: Option<(Weak<Set>, Vec<String>)>,
}

impl Set {
    /// The set of these resources, as a successor of `previous`: what is the same is shared with it.
    pub(super) fn succeeding(previous: &Arc<Self>, resources: BTreeMap<String, Arc<Resource>>) -> Arc<Self> {
        let mut changed = Vec::new();
        let mut shared = BTreeMap::new();
        for (name, resource) in resources {
            match previous.resources.get(&name) {
                Some(same) if Arc::ptr_eq(same, &resource) || *same == resource => {
                    shared.insert(name, Arc::clone(same))
                }
                _ => {
                    changed.push(name.clone());
                    shared.insert(name, resource)
                }
            };
        }
        changed.extend(previous.resources.keys().filter(|name| !shared.contains_key(*name)).cloned());
        if changed.is_empty() {
            return Arc::clone(previous);
        }
        let version = version_of(shared.values());
        Arc::new(Self { resources: shared, version, since: Some((Arc::downgrade(previous), changed)) })
    }

    /// A resource by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Resource>> {
        self.resources.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Resource>> {
        self.resources.values()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// What identifies the content of the whole set.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The names in which this set differs from an earlier one, if it is the one right before it.
    #[must_use]
    pub fn changed_since(&self, earlier: &Arc<Self>) -> Option<&[String]> {
        let (previous, changed) = self.since.as_ref()?;
        std::ptr::eq(previous.as_ptr(), Arc::as_ptr(earlier)).then_some(changed.as_slice())
    }
}

/// Version of some resources, from their names and versions alone.
pub fn version_of<'a>(resources: impl Iterator<Item = &'a Arc<Resource>>) -> String {
    let mut digest = Sha256::new();
    for resource in resources {
        for part in [resource.name(), resource.version()] {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
    }
    super::resource::short_hex(&digest.finalize())
}
