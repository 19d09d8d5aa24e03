//! A subscription in the incremental variant.

use std::collections::{BTreeSet, HashMap};

use super::{
    interest::{Interest, WILDCARD, has_legacy_wildcard},
    ledger::Ledger,
    session::{Subscription, Update},
    view::View,
};
use crate::snapshot::Kind;

/// What a delta request says about its subscription.
#[derive(Debug, Clone, Default)]
pub(super) struct DeltaRequest {
    pub(super) subscribe: Vec<String>,
    pub(super) unsubscribe: Vec<String>,
    /// What the client has from an earlier stream: versions by name. Only in the first request.
    pub(super) initial_versions: HashMap<String, String>,
}

/// A delta subscription to one kind of resource.
#[derive(Debug, Default)]
pub(super) struct Delta {
    started: bool,
    interest: Interest,
    ledger: Ledger,
    must_answer: bool,
}

impl Subscription for Delta {
    type Request = DeltaRequest;

    // A change of subscription counts whatever its nonce (xDS protocol, "Incremental xDS").
    const DROPS_STALE: bool = false;

    fn finds(&self, kind: Kind, view: &View, name: &str) -> bool {
        self.interest.find(view, kind, name).is_some()
    }

    fn names(&self) -> usize {
        self.interest.names.len()
    }

    // The client keeps versions of single resources; this one is for people.
    fn version(&self, kind: Kind, view: &View) -> String {
        view.set(kind).version().to_owned()
    }

    fn resumes(request: &DeltaRequest) -> bool {
        !request.initial_versions.is_empty()
    }

    fn continues(request: &DeltaRequest) -> bool {
        Self::resumes(request)
    }

    fn take(&mut self, kind: Kind, request: DeltaRequest, _acknowledges: bool) -> bool {
        if !std::mem::replace(&mut self.started, true) {
            self.begin(kind, request);
            return true;
        }
        let changed = !request.subscribe.is_empty() || !request.unsubscribe.is_empty();
        for name in &request.unsubscribe {
            self.interest.remove(name);
        }
        for name in request.subscribe {
            if name != WILDCARD {
                // A name that is subscribed to again is always answered (xDS protocol, "Unsubscribing from
                // resources": the client may have dropped it).
                self.ledger.forget(&name);
            } else {
                self.must_answer = true;
                if !self.interest.wildcard {
                    self.ledger.forget_all_but_named(&self.interest);
                }
            }
            self.interest.add(name);
        }
        if changed {
            self.ledger.narrow(&self.interest);
        }
        changed
    }

    fn overhear(&mut self, _request: DeltaRequest) {}

    fn next(&mut self, kind: Kind, view: &View, warming: &mut BTreeSet<String>) -> Option<Update> {
        let difference = self.ledger.advance(kind, view, &self.interest, warming);
        let answer = std::mem::take(&mut self.must_answer);
        let changed = difference.outdated.iter().map(|resource| resource.name().to_owned()).collect();
        let update = Update { resources: difference.outdated, removed: difference.gone, changed };
        (answer || !update.is_empty()).then_some(update)
    }
}

impl Delta {
    fn begin(&mut self, kind: Kind, request: DeltaRequest) {
        self.interest = match request.subscribe.is_empty() && has_legacy_wildcard(kind) {
            true => Interest::everything(),
            false => Interest::of(request.subscribe),
        };
        // An empty answer ends the client's waiting for everything, which is over if it knows something already.
        self.must_answer = self.interest.wildcard && request.initial_versions.is_empty();
        self.ledger = Ledger::of(request.initial_versions);
        self.ledger.narrow(&self.interest);
    }
}
