//! A subscription in the incremental variant.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    interest::{Interest, WILDCARD, has_legacy_wildcard},
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
    known: BTreeMap<String, Known>,
    must_answer: bool,
}

/// What the client knows of a resource. What was sent counts as known also when it was refused: the same content is
/// never sent again.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    Version(String),
    /// It was told that there is none.
    Missing,
}

impl Subscription for Delta {
    type Request = DeltaRequest;

    // A change of subscription counts whatever its nonce (xDS protocol, "Incremental xDS").
    const DROPS_STALE: bool = false;
    // Envoy sends nothing when a changed cluster needs its endpoints again (field experience, envoy #13009).
    const REPEATS_ENDPOINTS: bool = true;

    fn interest(&self) -> &Interest {
        &self.interest
    }

    fn resumes(request: &DeltaRequest) -> bool {
        !request.initial_versions.is_empty()
    }

    fn take(&mut self, kind: Kind, request: DeltaRequest, _acknowledges: bool) -> bool {
        let first = !self.started;
        self.started = true;
        let mut changed = first;
        if first {
            // An empty answer ends the client's waiting, which it has done already if it knows something.
            self.must_answer = request.initial_versions.is_empty();
            let known = request.initial_versions.into_iter();
            self.known = known.map(|(name, version)| (name, Known::Version(version))).collect();
            if request.subscribe.is_empty() && has_legacy_wildcard(kind) {
                self.interest = Interest::everything();
            }
        }
        for name in request.unsubscribe {
            changed = true;
            self.interest.remove(&name);
        }
        for name in request.subscribe {
            changed = true;
            if name == WILDCARD {
                self.must_answer = true;
            } else if !first {
                // A name that is subscribed to again is always answered (xDS protocol, "Unsubscribing from
                // resources": the client may have dropped it).
                self.known.remove(&name);
            }
            self.interest.add(name);
        }
        self.must_answer &= self.interest.wildcard;
        if changed {
            self.known.retain(|name, _| self.interest.wants(name));
        }
        changed
    }

    fn next(&mut self, kind: Kind, view: &View, warming: &mut BTreeSet<String>) -> Option<Update> {
        let mut update = Update::default();
        for resource in self.interest.found(view, kind) {
            let name = resource.name();
            let warms = warming.remove(name);
            let known = self.known.get(name);
            if !warms && matches!(known, Some(Known::Version(version)) if version == resource.version()) {
                continue;
            }
            self.known.insert(name.to_owned(), Known::Version(resource.version().to_owned()));
            update.resources.push(resource.clone());
        }
        self.note_missing(kind, view, &mut update);
        let answer = std::mem::take(&mut self.must_answer);
        (answer || !update.is_empty()).then_some(update)
    }
}

impl Delta {
    fn note_missing(&mut self, kind: Kind, view: &View, update: &mut Update) {
        // Saying that a name does not exist ends the waiting for it at once; it can still be added later.
        for name in self.interest.names.iter().filter(|name| view.get(kind, name).is_none()) {
            if self.known.insert(name.clone(), Known::Missing) != Some(Known::Missing) {
                update.removed.push(name.clone());
            }
        }
        if !view.may_remove(kind) {
            return;
        }
        let names = &self.interest.names;
        self.known.retain(|name, _| {
            let keep = names.contains(name) || view.get(kind, name).is_some();
            if !keep {
                update.removed.push(name.clone());
            }
            keep
        });
    }
}
