//! What is sent to the store: questions about limits, and the ends of requests that it counts until then.

use std::{cell::RefCell, mem, time::Duration};

use ferrox_host::{Call, CallId, CallRefused, Host, Level};
use ferrox_policy::sidecar::{LIMITS_PATH, LimitsRequest, RETURN_PATH, Return, ReturnRequest, Sidecar};

/// Shortest time after which an end is told whose beginning the store may not have seen yet.
const LATER: Duration = Duration::from_secs(1);
/// How many ends wait to be told at most, so that no flood of requests makes them more.
const MOST_WAITING: usize = 4_096;
/// How many ends the store takes at once.
const AT_ONCE: usize = 64;

const LOST: &str = "the end of a request could not be told, it counts until its lease is over";

/// The store, behind the sidecar.
pub(crate) struct Store {
    sidecar: Sidecar,
    waiting: RefCell<Waiting>,
}

/// Ends that are told later: at the next tick but one, so that a whole period has passed.
#[derive(Default)]
struct Waiting {
    young: Vec<Return>,
    old: Vec<Return>,
}

impl Store {
    /// The store to which a sidecar leads.
    pub(crate) fn new(sidecar: Sidecar) -> Self {
        Self { sidecar, waiting: RefCell::default() }
    }

    /// How often [`Store::tick`] is to be called: longer than a question can be under way.
    pub(crate) fn period(&self) -> Duration {
        self.timeout().max(LATER)
    }

    /// Asks about a request.
    ///
    /// # Errors
    /// When Envoy does not send the question.
    pub(crate) fn ask(&self, host: &dyn Host, request: &LimitsRequest) -> Result<CallId, CallRefused> {
        // A struct of strings and numbers always serializes.
        self.post(host, LIMITS_PATH, &serde_json::to_vec(request).unwrap_or_default())
    }

    /// Tells that a request ended. Nobody waits for the answer: if none of this arrives, the request counts until its lease
    /// is over.
    pub(crate) fn end(&self, host: &dyn Host, ends: &[Return]) {
        if !self.tells(host, ends) && !self.keeps(ends) {
            host.log(Level::Debug, LOST);
        }
    }

    /// Tells it when the question about the request has surely been answered, or never will be: an end that overtakes it
    /// would end nothing, and the request would count until its lease is over. So many at once that they cannot be kept are told
    /// at once, for better or worse.
    pub(crate) fn end_later(&self, host: &dyn Host, ends: &[Return]) {
        if !self.keeps(ends) && !self.tells(host, ends) {
            host.log(Level::Debug, LOST);
        }
    }

    /// Tells what was kept.
    pub(crate) fn tick(&self, host: &dyn Host) {
        let mut waiting = self.waiting.borrow_mut();
        let young = mem::take(&mut waiting.young);
        for ends in mem::replace(&mut waiting.old, young).chunks(AT_ONCE) {
            if !self.tells(host, ends) {
                host.log(Level::Debug, LOST);
            }
        }
    }

    /// Whether the ends were sent.
    fn tells(&self, host: &dyn Host, ends: &[Return]) -> bool {
        let ended = ReturnRequest { limits: ends.to_vec() };
        self.post(host, RETURN_PATH, &serde_json::to_vec(&ended).unwrap_or_default()).is_ok()
    }

    /// Whether there was room to keep them.
    fn keeps(&self, ends: &[Return]) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let fits = waiting.young.len() + waiting.old.len() + ends.len() <= MOST_WAITING;
        if fits {
            waiting.young.extend_from_slice(ends);
        }
        fits
    }

    fn post(&self, host: &dyn Host, path: &str, body: &[u8]) -> Result<CallId, CallRefused> {
        host.call(&Call {
            cluster: &self.sidecar.cluster,
            method: "POST",
            authority: &self.sidecar.cluster,
            path,
            headers: &[("content-type", "application/json")],
            body,
            timeout: self.timeout(),
        })
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.sidecar.timeout_ms))
    }
}
