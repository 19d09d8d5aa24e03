//! What a client subscribed to, of one kind of resource.

use std::{collections::BTreeSet, sync::Arc};

use super::view::View;
use crate::snapshot::{Kind, Resource};

/// The name that subscribes to every resource of a kind.
pub(super) const WILDCARD: &str = "*";

/// A wildcard, names, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Interest {
    pub(super) wildcard: bool,
    pub(super) names: BTreeSet<String>,
}

impl Interest {
    pub(super) fn of(names: impl IntoIterator<Item = String>) -> Self {
        let mut interest = Self::default();
        for name in names {
            interest.add(name);
        }
        interest
    }

    pub(super) fn everything() -> Self {
        Self { wildcard: true, names: BTreeSet::new() }
    }

    pub(super) fn add(&mut self, name: String) {
        if name == WILDCARD {
            self.wildcard = true;
        } else {
            self.names.insert(name);
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        if name == WILDCARD {
            self.wildcard = false;
        } else {
            self.names.remove(name);
        }
    }

    /// Whether a resource of this name may be wanted.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.wildcard || self.names.contains(name)
    }

    /// Whether a resource that is there is wanted: a wildcard does not bring what is unlisted.
    pub(super) fn brings(&self, resource: &Resource) -> bool {
        (self.wildcard && resource.is_listed()) || self.names.contains(resource.name())
    }

    /// The resource of this name, if it is there and wanted.
    pub(super) fn find<'a>(&self, view: &'a View, kind: Kind, name: &str) -> Option<&'a Arc<Resource>> {
        view.get(kind, name).filter(|resource| self.brings(resource))
    }

    /// The resources that are wanted and there, by name.
    pub(super) fn found<'a>(
        &'a self,
        view: &'a View,
        kind: Kind,
    ) -> Box<dyn Iterator<Item = &'a Arc<Resource>> + 'a> {
        match self.wildcard {
            true => Box::new(view.all(kind).filter(|resource| self.brings(resource))),
            false => Box::new(self.names.iter().filter_map(move |name| view.get(kind, name))),
        }
    }
}

/// Whether a first request without names means everything: the wildcard of old, which only clusters and
/// listeners have (xDS protocol, "How the client specifies what resources to return"), and scoped routes in Envoy, which
/// never asks for one by name.
pub(super) fn has_legacy_wildcard(kind: Kind) -> bool {
    matches!(kind, Kind::Cluster | Kind::Listener | Kind::ScopedRoutes)
}
