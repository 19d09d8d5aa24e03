//! What one stream may see: the snapshot, and what is held back from removal.

use std::{collections::BTreeMap, sync::Arc};

use crate::snapshot::{Kind, Resource, Set, Snapshot};

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

    pub(super) fn holds_removals(&self) -> bool {
        self.holds_removals
    }

    /// Whether what is not in the view may be removed from the client.
    pub(super) fn may_remove(&self, kind: Kind) -> bool {
        let is_held = self.holds_removals && RETAINED.contains(&kind);
        !is_held && !self.has_given_up_scopes(kind)
    }

    /// Whether there are no scopes because routes come otherwise now. The connections that Envoy drains from the listener of
    /// before still need theirs; with the last of them its subscription goes too.
    fn has_given_up_scopes(&self, kind: Kind) -> bool {
        kind == Kind::ScopedRoutes && self.set(kind).is_empty()
    }

    /// Moves on to another snapshot and retains what it no longer lists.
    pub(super) fn advance(&mut self, next: Arc<Snapshot>) {
        for kind in RETAINED {
            self.retain_what_goes(kind, &next);
        }
        self.retained.retain(|(kind, name), _| !is_listed(next.set(*kind), name));
        self.snapshot = next;
    }

    fn retain_what_goes(&mut self, kind: Kind, next: &Snapshot) {
        let (before, after) = (self.snapshot.set(kind), next.set(kind));
        if Arc::ptr_eq(before, after) {
            return;
        }
        let changed: Box<dyn Iterator<Item = &str>> = match after.changed_since(before) {
            Some(changed) => Box::new(changed.iter().map(String::as_str)),
            None => Box::new(before.iter().map(|resource| resource.name())),
        };
        for name in changed.filter(|name| !is_listed(after, name)) {
            if let Some(gone) = before.get(name).filter(|resource| resource.is_listed()) {
                self.retained.insert((kind, name.to_owned()), Arc::clone(gone));
            }
        }
    }

    pub(super) fn is_retaining(&self) -> bool {
        self.holds_removals || !self.retained.is_empty()
    }

    /// Lets go of what was retained.
    pub(super) fn release(&mut self) {
        self.retained.clear();
        self.holds_removals = false;
    }

    /// The snapshot's resources of a kind, without what is retained.
    pub(super) fn set(&self, kind: Kind) -> &Arc<Set> {
        self.snapshot.set(kind)
    }

    pub(super) fn get(&self, kind: Kind, name: &str) -> Option<&Arc<Resource>> {
        self.retained(kind, name).or_else(|| self.snapshot.get(kind, name))
    }

    fn retained(&self, kind: Kind, name: &str) -> Option<&Arc<Resource>> {
        // Mostly there is nothing, and no name has to be copied.
        if self.retained.is_empty() {
            return None;
        }
        self.retained.get(&(kind, name.to_owned()))
    }

    pub(super) fn all(&self, kind: Kind) -> impl Iterator<Item = &Arc<Resource>> {
        let retained =
            self.retained.iter().filter(move |((k, _), _)| *k == kind).map(|(_, resource)| resource);
        let others = self.snapshot.all(kind).filter(move |r| self.retained(kind, r.name()).is_none());
        others.chain(retained)
    }
}

fn is_listed(set: &Set, name: &str) -> bool {
    set.get(name).is_some_and(|resource| resource.is_listed())
}
