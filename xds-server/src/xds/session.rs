//! All subscriptions of one stream: what is sent next, in which order, and what is not yet removed.
//!
//! A pure state machine: requests and snapshots go in, responses come out one at a time, so that a slow client
//! is always sent the latest and nothing queues up for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::view::View;
use crate::snapshot::{Kind, Resource, Snapshot};

/// A subscription to one kind of resource, in one of the two variants of the protocol.
pub(super) trait Subscription: Default {
    /// What a request says about it.
    type Request;
    /// Whether a request with an old nonce is dropped.
    const DROPS_STALE: bool;

    /// Whether the client has, or is about to have, a resource of this name.
    fn finds(&self, kind: Kind, view: &View, name: &str) -> bool;

    /// How many names are subscribed to.
    fn names(&self) -> usize;

    /// Version of everything that the client should have.
    fn version(&self, kind: Kind, view: &View) -> String;

    /// Whether a request brings resources of an earlier stream whose removal can be held back.
    fn resumes(request: &Self::Request) -> bool;

    /// Whether a request says that the client runs something of an earlier stream.
    fn continues(request: &Self::Request) -> bool;

    /// Takes a request; `acknowledges` is set if it is the first answer to the last response. Returns whether there may be
    /// something to send.
    fn take(&mut self, kind: Kind, request: Self::Request, acknowledges: bool) -> bool;

    /// Takes note of a request that is dropped for its old nonce.
    fn overhear(&mut self, request: Self::Request);

    /// What the client has to be sent now, which then counts as sent. `warming` names what has to be sent even if it was
    /// sent before; what is sent is removed from it.
    fn next(&mut self, kind: Kind, view: &View, warming: &mut BTreeSet<String>) -> Option<Update>;
}

/// What a response carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Update {
    pub(super) resources: Vec<Arc<Resource>>,
    pub(super) removed: Vec<String>,
    /// Which of the resources the client does not have in this version.
    pub(super) changed: Vec<String>,
}

impl Update {
    pub(super) fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.removed.is_empty()
    }
}

/// A response to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) kind: Kind,
    pub(super) nonce: String,
    /// Version of everything that the client should have of this kind.
    pub(super) version: String,
    pub(super) update: Update,
}

/// A client's answer to a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) nonce: String,
    /// Why the client refused the response; `None` if it accepted it.
    pub(super) refusal: Option<String>,
}

/// What an answer meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The client runs this version.
    Accepted { version: String },
    /// The client refused some of it; what was good in it, it runs all the same.
    Refused { version: String, message: String },
}

/// Parts a nonce into a number, which makes it unique in its stream, and the version that it is about, so that an
/// answer that comes late still says which version it means.
const NONCE_SEPARATOR: char = ':';

/// The subscriptions of one stream.
#[derive(Debug)]
pub(super) struct Session<S> {
    resumed: bool,
    view: Option<View>,
    subscriptions: BTreeMap<Kind, Tracked<S>>,
    nonces: u64,
    /// Clusters that were sent and whose endpoints were not yet.
    warming: BTreeSet<String>,
    /// Whether routes are sent although clusters still warm.
    impatient: bool,
    /// What the client was found to run already.
    current: Vec<(Kind, String)>,
}

#[derive(Debug, Default)]
struct Tracked<S> {
    subscription: S,
    /// Whether there may be something to send.
    dirty: bool,
    last: Option<Sent>,
    /// Whether the client runs something of an earlier stream, and it is not yet known if it is still right.
    continues: bool,
}

#[derive(Debug)]
struct Sent {
    nonce: String,
    state: AnswerState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnswerState {
    Awaited,
    Accepted,
    Refused,
}

impl<S> Default for Session<S> {
    fn default() -> Self {
        Self {
            resumed: false,
            view: None,
            subscriptions: BTreeMap::new(),
            nonces: 0,
            warming: BTreeSet::new(),
            impatient: false,
            current: Vec::new(),
        }
    }
}

impl<S: Subscription> Session<S> {
    /// Takes a request of the client.
    pub(super) fn on_request(
        &mut self,
        kind: Kind,
        answer: Option<Answer>,
        request: S::Request,
    ) -> Option<Outcome> {
        let tracked = self.subscriptions.entry(kind).or_default();
        let nonce = answer.as_ref().map(|answer| answer.nonce.as_str()).unwrap_or_default();
        if S::DROPS_STALE && tracked.last.as_ref().is_some_and(|last| last.nonce != nonce) {
            tracked.subscription.overhear(request);
            return None;
        }
        let acknowledges =
            tracked.last.as_ref().is_some_and(|l| l.nonce == nonce && l.state == AnswerState::Awaited);
        if kind == Kind::Cluster && S::resumes(&request) {
            self.resumed = true;
            if let Some(view) = &mut self.view {
                view.hold_removals();
            }
        }
        tracked.continues |= tracked.last.is_none() && S::continues(&request);
        let outcome = answer.and_then(|answer| tracked.note(answer));
        tracked.dirty |= tracked.subscription.take(kind, request, acknowledges);
        outcome
    }

    /// Kinds of which a client that has connected again was found to run this version already, so that nothing is sent and
    /// no answer will come.
    pub(super) fn take_current(&mut self) -> Vec<(Kind, String)> {
        std::mem::take(&mut self.current)
    }

    /// How many names the client subscribes to, of all kinds together.
    pub(super) fn names(&self) -> usize {
        self.subscriptions.values().map(|tracked| tracked.subscription.names()).sum()
    }

    /// Moves on to another snapshot.
    pub(super) fn on_snapshot(&mut self, snapshot: Arc<Snapshot>) {
        match &mut self.view {
            Some(view) => view.advance(snapshot),
            None => {
                let view = self.view.insert(View::new(snapshot));
                if self.resumed {
                    view.hold_removals();
                }
            }
        }
        self.impatient = false;
        for tracked in self.subscriptions.values_mut() {
            tracked.dirty = true;
        }
    }

    /// Whether something is held back: clusters from removal, or routes until the clusters that they lead to have warmed.
    pub(super) fn is_holding_back(&self) -> bool {
        self.is_retaining() || (self.holds_routes() && Kind::ROUTES.iter().any(|kind| self.is_dirty(*kind)))
    }

    /// Lets go of what was held back, although the client may still refer to it, or not have what it needs for it: no
    /// client is waited for without end, since a refusal may come late or never.
    pub(super) fn on_grace_over(&mut self) {
        self.impatient = true;
        self.release();
    }

    fn is_retaining(&self) -> bool {
        self.view.as_ref().is_some_and(View::is_retaining)
    }

    fn release(&mut self) {
        if let Some(view) = &mut self.view {
            view.release();
        }
        for tracked in self.subscriptions.values_mut() {
            tracked.dirty = true;
        }
    }

    /// Routes that come before the endpoints of a new cluster fail the requests on the way to it. A client whose first
    /// cluster this is has yet to ask for endpoints.
    fn holds_routes(&self) -> bool {
        !self.impatient && !self.warming.is_empty()
    }

    #[cfg(test)]
    pub(super) fn last_nonce(&self, kind: Kind) -> String {
        self.subscriptions[&kind].last.as_ref().map(|last| last.nonce.clone()).unwrap_or_default()
    }

    fn is_dirty(&self, kind: Kind) -> bool {
        self.subscriptions.get(&kind).is_some_and(|tracked| tracked.dirty)
    }

    /// The next response to send, if there is one. Nothing is answered before there is a snapshot: an empty
    /// answer would remove what the client runs.
    pub(super) fn next(&mut self) -> Option<Response> {
        let due = Kind::ALL.into_iter().find_map(|kind| self.next_of(kind));
        if due.is_some() || !self.is_retaining() || !self.has_settled() {
            return due;
        }
        self.release();
        Kind::ALL.into_iter().find_map(|kind| self.next_of(kind))
    }

    fn next_of(&mut self, kind: Kind) -> Option<Response> {
        self.forget_clusters_that_went();
        if Kind::ROUTES.contains(&kind) && self.holds_routes() {
            return None;
        }
        let view = self.view.as_ref()?;
        let tracked = self.subscriptions.get_mut(&kind)?;
        if !std::mem::take(&mut tracked.dirty) {
            return None;
        }
        let mut none = BTreeSet::new();
        let warming = if kind == Kind::Endpoints { &mut self.warming } else { &mut none };
        let continues = std::mem::take(&mut tracked.continues);
        let Some(update) = tracked.subscription.next(kind, view, warming) else {
            if continues {
                self.current.push((kind, tracked.subscription.version(kind, view)));
            }
            return None;
        };
        let version = tracked.subscription.version(kind, view);
        self.nonces += 1;
        let nonce = format!("{}{NONCE_SEPARATOR}{version}", self.nonces);
        tracked.last = Some(Sent { nonce: nonce.clone(), state: AnswerState::Awaited });
        match kind {
            Kind::Cluster => self.warm(&update),
            Kind::Endpoints => {
                for sent in &update.resources {
                    self.warming.remove(sent.name());
                }
            }
            _ => {}
        }
        Some(Response { kind, nonce, version, update })
    }

    /// No endpoints will come for a cluster that the client loses, or that has none.
    fn forget_clusters_that_went(&mut self) {
        let (Some(view), Some(clusters)) = (&self.view, self.subscriptions.get(&Kind::Cluster)) else {
            return;
        };
        self.warming.retain(|name| {
            clusters.subscription.finds(Kind::Cluster, view, name)
                && view.get(Kind::Endpoints, name).is_some()
        });
    }

    fn warm(&mut self, clusters: &Update) {
        self.warming.extend(clusters.changed.iter().cloned());
        self.forget_clusters_that_went();
        // They are sent again even if they have not changed, and unasked: a changed cluster waits for them. In state of
        // the world Envoy asks for them, but a request that crosses a response is dropped as stale.
        if let Some(endpoints) = self.subscriptions.get_mut(&Kind::Endpoints) {
            endpoints.dirty = true;
        }
    }

    /// Whether the client runs the listeners and routes of this view, so that it refers to nothing older.
    fn has_settled(&self) -> bool {
        // A client that resumes asks for its clusters first: what it routes to is known only when it has asked for
        // its routes too.
        let resumes = self.view.as_ref().is_some_and(View::holds_removals);
        if resumes && !Kind::ROUTES.iter().any(|kind| self.subscriptions.contains_key(kind)) {
            return false;
        }
        let leading = [Kind::Listener].iter().chain(&Kind::ROUTES);
        leading.filter_map(|kind| self.subscriptions.get(kind)).all(|tracked| {
            !tracked.dirty && tracked.last.as_ref().is_none_or(|l| l.state == AnswerState::Accepted)
        })
    }
}

impl<S> Tracked<S> {
    fn note(&mut self, answer: Answer) -> Option<Outcome> {
        let version = answer.nonce.split_once(NONCE_SEPARATOR)?.1.to_owned();
        let last = self.last.as_mut().filter(|last| last.nonce == answer.nonce);
        if let Some(message) = answer.refusal {
            if let Some(last) = last {
                last.state = AnswerState::Refused;
            }
            return Some(Outcome::Refused { version, message });
        }
        // Later requests repeat the nonce of the last response; only the first of them is its ACK.
        let last = last.filter(|last| last.state == AnswerState::Awaited)?;
        last.state = AnswerState::Accepted;
        Some(Outcome::Accepted { version })
    }
}
