//! A subscription in the state-of-the-world variant.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    interest::{Interest, has_legacy_wildcard},
    session::{Subscription, Update, version_of},
    view::View,
};
use crate::snapshot::{Kind, Resource};

/// What a state-of-the-world request says about its subscription.
#[derive(Debug, Clone, Default)]
pub(super) struct SotwRequest {
    pub(super) names: Vec<String>,
    /// The version that the client runs; after a reconnect that of the earlier stream.
    pub(super) version: String,
}

/// A state-of-the-world subscription to one kind of resource.
#[derive(Debug, Default)]
pub(super) struct Sotw {
    started: bool,
    /// Whether a name was ever given, which ends the wildcard of old.
    named: bool,
    interest: Interest,
    /// Versions by name of what was sent.
    sent: BTreeMap<String, String>,
    due: Due,
}

/// What has to be sent beside what changed.
#[derive(Debug, Default, PartialEq, Eq)]
enum Due {
    #[default]
    Nothing,
    /// Nothing if the client's version of an earlier stream is still right, everything otherwise.
    Unless(String),
    Everything,
}

impl Subscription for Sotw {
    type Request = SotwRequest;

    const DROPS_STALE: bool = true;
    // Envoy repeats its request instead.
    const REPEATS_ENDPOINTS: bool = false;

    fn interest(&self) -> &Interest {
        &self.interest
    }

    // A response of clusters is the full state, so nothing can be held back that this stream has not seen.
    fn resumes(_request: &SotwRequest) -> bool {
        false
    }

    fn take(&mut self, kind: Kind, request: SotwRequest, acknowledges: bool) -> bool {
        let first = !std::mem::replace(&mut self.started, true);
        self.named |= !request.names.is_empty();
        let interest = if self.named || !has_legacy_wildcard(kind) {
            Interest::of(request.names)
        } else {
            Interest::everything()
        };
        let same = interest == self.interest;
        self.interest = interest;
        // What is no longer wanted may be dropped by the client, so it counts as not sent.
        self.sent.retain(|name, _| self.interest.wants(name));
        if first {
            self.due =
                if request.version.is_empty() { Due::Everything } else { Due::Unless(request.version) };
        } else if same && !acknowledges {
            // A repeated request must be answered: Envoy sends one when a changed cluster needs its endpoints
            // again, and holds back the ACK of the cluster until it has them.
            self.due = Due::Everything;
        }
        first || !same || !acknowledges
    }

    fn next(&mut self, kind: Kind, view: &View, _warming: &mut BTreeSet<String>) -> Option<Update> {
        let found = self.interest.found(view, kind);
        let due = std::mem::take(&mut self.due);
        let versions: BTreeMap<_, _> =
            found.iter().map(|r| (r.name().to_owned(), r.version().to_owned())).collect();
        if matches!(&due, Due::Unless(version) if *version == version_of(&found)) {
            self.sent = versions;
            return None;
        }
        let everything = due != Due::Nothing;
        let changed = |r: &&Arc<Resource>| everything || self.sent.get(r.name()) != versions.get(r.name());
        let resources: Vec<_> = if kind.is_full_state() {
            if !everything && versions == self.sent {
                return None;
            }
            found.into_iter().cloned().collect()
        } else {
            found.into_iter().filter(changed).cloned().collect()
        };
        self.sent = versions;
        // An empty answer means "there are none" only where it is the full state; elsewhere a name that does not
        // exist is met with silence (xDS protocol, "Knowing when a requested resource does not exist").
        let update = Update { resources, removed: Vec::new() };
        (kind.is_full_state() || !update.is_empty()).then_some(update)
    }
}
