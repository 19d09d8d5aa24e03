//! What is sent to the store: questions about limits, and the ends of requests that it counts until then.

mod breaker;
mod ends;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, SystemTime},
};

use ferrox_host::{Call, CallId, CallOutcome, CallRefused, Host, Level};
use ferrox_policy::{
    key::Key,
    sidecar::{
        LIMITS_PATH, LimitCheck, LimitsRequest, RETURN_PATH, Return, ReturnRequest, Sidecar, TIMEOUT_HEADER,
    },
};

pub(crate) use self::breaker::Turn;
use self::{
    breaker::{Breaker, Leave},
    ends::Ends,
};
use crate::{decision::StoreFailure, stats::Stats};

/// Shortest time after which an end is told whose beginning the store may not have seen yet.
const LATER: Duration = Duration::from_secs(1);
/// Longest wait where no request waits.
pub(crate) const UNHURRIED: Duration = Duration::from_secs(1);
/// How many ends the store takes at once.
const AT_ONCE: usize = 64;

const LOST: &str = "the end of a request could not be told, it counts until its lease is over";

/// The store, behind the sidecar.
pub(crate) struct Store {
    sidecar: Sidecar,
    stats: Rc<Stats>,
    breaker: RefCell<Breaker>,
    ends: RefCell<Ends>,
    /// The probe of a tick.
    probe: Cell<Option<CallId>>,
}

/// A question that is under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) call: CallId,
    pub(crate) at: SystemTime,
    leave: Leave,
}

impl Store {
    /// The store to which a sidecar leads.
    pub(crate) fn new(sidecar: Sidecar, stats: Rc<Stats>) -> Self {
        let breaker = RefCell::new(Breaker::new());
        Self { sidecar, stats, breaker, ends: RefCell::default(), probe: Cell::default() }
    }

    /// How often [`Store::tick`] is to be called: longer than a question can be under way.
    pub(crate) fn period(&self) -> Duration {
        self.sidecar.limits_timeout().max(LATER)
    }

    /// Asks about a request, and waits for so long. What is not answered is never asked again: it may have counted.
    ///
    /// # Errors
    /// When the question is not sent.
    pub(crate) fn ask(
        &self,
        host: &dyn Host,
        request: &LimitsRequest,
        timeout: Option<Duration>,
    ) -> Result<Asked, StoreFailure> {
        let timeout = timeout.unwrap_or(self.sidecar.limits_timeout());
        let Some(leave) = self.leave(host, timeout) else {
            self.stats.short_circuited(host);
            return Err(StoreFailure::NotAsked);
        };
        match self.send(host, request, timeout) {
            Ok(call) => Ok(Asked { call, at: host.now(), leave }),
            Err(CallRefused) => {
                self.heard(host, leave, Some(StoreFailure::Refused));
                Err(StoreFailure::Refused)
            }
        }
    }

    /// A question was answered, or not.
    pub(crate) fn answered(&self, host: &dyn Host, asked: Asked, failure: Option<StoreFailure>) {
        self.heard(host, asked.leave, failure);
    }

    /// A call of a tick ended.
    pub(crate) fn on_call(&self, host: &dyn Host, call: CallId, outcome: &CallOutcome) {
        if self.probe.get() == Some(call) {
            self.probe.set(None);
            let failure = match outcome {
                CallOutcome::Reset => Some(StoreFailure::Reset),
                CallOutcome::Answered { status: 200 | 204, .. } => None,
                CallOutcome::Answered { status, .. } => Some(StoreFailure::Status(*status)),
            };
            self.heard(host, Leave::Probe, failure);
        }
    }

    /// Whether it fails, and is not to be asked.
    pub(crate) fn is_left_alone(&self) -> bool {
        self.breaker.borrow().is_open()
    }

    /// Gives back tokens. What gets lost counts until its window ends.
    pub(crate) fn give_back(&self, host: &dyn Host, returns: &[Return]) {
        returns.chunks(AT_ONCE).for_each(|part| self.end(host, part));
    }

    /// Tells that a request ended. Nobody waits for the answer: if none of this arrives, the request counts until its lease
    /// is over.
    pub(crate) fn end(&self, host: &dyn Host, ends: &[Return]) {
        let told = !self.breaker.borrow().is_open() && self.tells(host, ends).is_ok();
        if !told && !self.ends.borrow_mut().keeps(ends) {
            host.log(Level::Debug, LOST);
        }
    }

    /// Tells it when the question about the request has surely been answered, or never will be: an end that overtakes it
    /// would end nothing, and the request would count until its lease is over. So many at once that they cannot be kept are told
    /// at once, for better or worse.
    pub(crate) fn end_later(&self, host: &dyn Host, ends: &[Return]) {
        if !self.ends.borrow_mut().keeps(ends) && self.tells(host, ends).is_err() {
            host.log(Level::Debug, LOST);
        }
    }

    /// Tells what was kept. A store that fails is told of a part of it, or is asked something of no account, as a probe that costs no
    /// request its time and needs none.
    pub(crate) fn tick(&self, host: &dyn Host) {
        let is_open = self.breaker.borrow().is_open();
        self.stats.breaker_is(host, is_open);
        self.tell_ends(host);
        if is_open && self.leave(host, UNHURRIED) == Some(Leave::Probe) {
            let key = Key::new("limit_probe").to_string();
            let limits = vec![LimitCheck::fixed_window(key, u64::from(u32::MAX), 1_000)];
            let question = LimitsRequest { limits, ..LimitsRequest::default() };
            match self.send(host, &question, UNHURRIED) {
                Ok(call) => self.probe.set(Some(call)),
                Err(CallRefused) => self.heard(host, Leave::Probe, Some(StoreFailure::Refused)),
            }
        }
    }

    fn tell_ends(&self, host: &dyn Host) {
        let due = self.ends.borrow_mut().due();
        for part in due.chunks(AT_ONCE) {
            let Some(leave) = self.leave(host, UNHURRIED) else {
                self.ends.borrow_mut().put_off(part);
                continue;
            };
            match self.tells(host, part) {
                Ok(call) if leave == Leave::Probe => self.probe.set(Some(call)),
                Ok(_) => {}
                Err(CallRefused) => {
                    self.heard(host, leave, Some(StoreFailure::Refused));
                    host.log(Level::Debug, LOST);
                }
            }
        }
    }

    fn leave(&self, host: &dyn Host, timeout: Duration) -> Option<Leave> {
        self.breaker.borrow_mut().leave(host.now(), timeout, host.random())
    }

    fn heard(&self, host: &dyn Host, leave: Leave, failure: Option<StoreFailure>) {
        let mut breaker = self.breaker.borrow_mut();
        let turn = match failure {
            None => {
                self.stats.store_answered(host);
                breaker.answered(leave, host.now())
            }
            Some(failure) => {
                self.stats.store_failed(host, failure);
                // That it understands nothing of this question says nothing of the next.
                let is_down = !failure.is_of_question();
                is_down.then(|| breaker.failed(leave, host.now(), host.random())).flatten()
            }
        };
        if let Some(turn) = turn {
            self.stats.turned(host, turn);
        }
    }

    /// Sends a question.
    fn send(
        &self,
        host: &dyn Host,
        request: &LimitsRequest,
        timeout: Duration,
    ) -> Result<CallId, CallRefused> {
        // A struct of strings and numbers always serializes.
        self.post(host, LIMITS_PATH, &serde_json::to_vec(request).unwrap_or_default(), timeout)
    }

    /// Sends ends.
    fn tells(&self, host: &dyn Host, ends: &[Return]) -> Result<CallId, CallRefused> {
        let ended = ReturnRequest { limits: ends.to_vec() };
        let body = serde_json::to_vec(&ended).unwrap_or_default();
        self.post(host, RETURN_PATH, &body, UNHURRIED)
    }

    fn post(
        &self,
        host: &dyn Host,
        path: &str,
        body: &[u8],
        timeout: Duration,
    ) -> Result<CallId, CallRefused> {
        // The sidecar waits for Redis as long as its answer is waited for.
        let wait = timeout.as_millis().to_string();
        host.call(&Call {
            cluster: &self.sidecar.cluster,
            method: "POST",
            authority: &self.sidecar.cluster,
            path,
            headers: &[("content-type", "application/json"), (TIMEOUT_HEADER, &wait)],
            body,
            timeout,
        })
    }
}
