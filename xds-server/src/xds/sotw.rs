//! A subscription in the state-of-the-world variant.

use std::collections::BTreeSet;

use super::{
    interest::{Interest, has_legacy_wildcard},
    ledger::Ledger,
    session::{Subscription, Update},
    view::View,
};
use crate::snapshot::{Kind, version_of};

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
    ledger: Ledger,
    due: Due,
    /// Whether a dropped request said that the client has let go of something.
    overheard: bool,
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

    fn finds(&self, kind: Kind, view: &View, name: &str) -> bool {
        self.interest.find(view, kind, name).is_some()
    }

    fn names(&self) -> usize {
        self.interest.names.len()
    }

    fn version(&self, kind: Kind, view: &View) -> String {
        version_of(self.interest.found(view, kind))
    }

    // A response of clusters is the full state, so nothing can be held back that this stream has not seen.
    fn resumes(_request: &SotwRequest) -> bool {
        false
    }

    fn continues(request: &SotwRequest) -> bool {
        !request.version.is_empty()
    }

    fn take(&mut self, kind: Kind, request: SotwRequest, acknowledges: bool) -> bool {
        let first = !std::mem::replace(&mut self.started, true);
        self.named |= !request.names.is_empty();
        let interest = match self.named || !has_legacy_wildcard(kind) {
            true => Interest::of(request.names),
            false => Interest::everything(),
        };
        let same = interest == self.interest;
        let before = std::mem::replace(&mut self.interest, interest);
        if first {
            // A version says nothing of resources that are named: the client may have let go of them since, as Envoy
            // does with the endpoints of a cluster that goes, and wait for them again.
            let resumes = kind.is_full_state() && !request.version.is_empty();
            self.due = if resumes { Due::Unless(request.version) } else { Due::Everything };
        } else if !same {
            self.change_from(&before);
        } else if !acknowledges {
            // A repeated request must be answered: Envoy sends one when a changed cluster needs its endpoints
            // again, and holds back the ACK of the cluster until it has them.
            self.due = Due::Everything;
        }
        std::mem::take(&mut self.overheard) || first || !same || !acknowledges
    }

    /// A client that wanted a resource no longer, and then again, while a response was under way has dropped it, and its
    /// next request that counts looks as if nothing had happened.
    fn overhear(&mut self, request: SotwRequest) {
        let wanted = Interest::of(request.names);
        for name in self.interest.names.iter().filter(|name| !wanted.wants(name)) {
            self.ledger.forget(name);
            self.overheard = true;
        }
    }

    fn next(&mut self, kind: Kind, view: &View, warming: &mut BTreeSet<String>) -> Option<Update> {
        let difference = self.ledger.advance(kind, view, &self.interest, warming);
        let everything = match std::mem::take(&mut self.due) {
            Due::Nothing => false,
            Due::Everything => true,
            Due::Unless(version) if version == version_of(self.interest.found(view, kind)) => return None,
            Due::Unless(_) => true,
        };
        let changed = difference.outdated.iter().map(|resource| resource.name().to_owned()).collect();
        let resources = match (everything, kind.is_full_state()) {
            (false, true) if difference.is_empty() => return None,
            (false, false) => difference.outdated,
            _ => self.interest.found(view, kind).cloned().collect(),
        };
        // An empty answer means "there are none" only where it is the full state; elsewhere a name that does not
        // exist is met with silence (xDS protocol, "Knowing when a requested resource does not exist").
        let update = Update { resources, removed: Vec::new(), changed };
        (kind.is_full_state() || !update.is_empty()).then_some(update)
    }
}

impl Sotw {
    /// Takes note of a change of names. What is no longer wanted may be dropped by the client.
    fn change_from(&mut self, before: &Interest) {
        if self.interest.wildcard && !before.wildcard {
            self.ledger.forget_all_but_named(before);
        }
        for name in self.interest.names.iter().filter(|name| !before.wants(name)) {
            self.ledger.forget(name);
        }
        self.ledger.narrow(&self.interest);
    }
}
