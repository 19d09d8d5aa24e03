//! What one stream may see: the snapshot, and what is held back from removal.

use std::{collections::BTreeMap, sync::Arc};

use crate::snapshot::{Kind, Resource, Snapshot};

/// A snapshot together with clusters of earlier ones that the client's routes may still refer to.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    snapshot: Arc<Snapshot>,
    retained: BTreeMap<(Kind, String), Arc<Resource>>,
    holds_removals: bool,
}

/// What is never removed before the routes that refer to it are gone. Removing a cluster first fails every
/// request on the way to it.
const RETAINED: [Kind; 2] = [Kind::Cluster, Kind::Endpoints];

impl View {
    pub(super) fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, retained: BTreeMap::new(), holds_removals: false }
    }

    /// Says that the client comes with clusters of an earlier stream. Which of them its routes refer to is not known, so
    /// none is removed for now.
    pub(super) fn hold_removals(&mut self) {
        self.holds_removals = true;
    }

    /// Whether what is not in the view may be removed from the client.
    pub(super) fn may_remove(&self, kind: Kind) -> bool {
        !(self.holds_removals && RETAINED.contains(&kind))
    }

    pub(super) fn holds_removals(&self) -> bool {
        self.holds_removals
    }

    /// Moves on to another snapshot and retains what it no longer holds.
    pub(super) fn advance(&mut self, next: Arc<Snapshot>) {
        for kind in RETAINED {
            for resource in self.snapshot.all(kind) {
                self.retained.insert((kind, resource.name().to_owned()), Arc::clone(resource));
            }
        }
        self.retained.retain(|(kind, name), _| next.get(*kind, name).is_none());
        self.snapshot = next;
    }

    pub(super) fn is_retaining(&self) -> bool {
        self.holds_removals || !self.retained.is_empty()
    }

    /// Lets go of what was retained.
    pub(super) fn release(&mut self) {
        self.retained.clear();
        self.holds_removals = false;
    }

    pub(super) fn get(&self, kind: Kind, name: &str) -> Option<&Arc<Resource>> {
        // Most lookups find nothing retained, so the name is only cloned when there is something.
        self.snapshot
            .get(kind, name)
            .or_else(|| self.is_retaining().then(|| self.retained.get(&(kind, name.to_owned()))).flatten())
    }

    pub(super) fn all(&self, kind: Kind) -> impl Iterator<Item = &Arc<Resource>> {
        let retained =
            self.retained.iter().filter(move |((k, _), _)| *k == kind).map(|(_, resource)| resource);
        self.snapshot.all(kind).chain(retained)
    }
}
