//! What the operator is told: counters, and a line when the store fails and when it is back.

use std::{
    cell::Cell,
    time::{Duration, SystemTime},
};

use ferrox_host::{Counter, Gauge, Host, Level};
use ferrox_policy::rate_limit::Stage;

use crate::{decision::StoreFailure, store::Turn};

/// What can happen to a request with limits. Exactly one of them does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The store let it pass.
    Allowed,
    /// The store refused it.
    Denied,
    /// The store failed; all limits let it pass then.
    FailedAllowed,
    /// The store failed; a limit refuses requests then.
    FailedDenied,
    /// The store failed; it passed by this worker's counts.
    FailedLocalAllowed,
    /// The store failed; it was refused by this worker's counts.
    FailedLocalDenied,
    /// Its route's policy is wrong.
    PolicyInvalid,
}

impl Event {
    /// Its name in statistics and in the access log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::FailedAllowed => "failed_allowed",
            Self::FailedDenied => "failed_denied",
            Self::FailedLocalAllowed => "failed_local_allowed",
            Self::FailedLocalDenied => "failed_local_denied",
            Self::PolicyInvalid => "policy_invalid",
        }
    }
}

/// `wasmcustom.ferrox.rate_limit.<stage>.<name>` in Envoy's statistics.
#[derive(Debug)]
struct Counters {
    allowed: Counter,
    denied: Counter,
    store_failed: Counter,
    failed_allowed: Counter,
    failed_denied: Counter,
    failed_local_allowed: Counter,
    failed_local_denied: Counter,
    policy_invalid: Counter,
    identity_unreadable: Counter,
    reported: Counter,
    denied_known: Counter,
    leased: Counter,
    short_circuited: Counter,
    breaker_opened: Counter,
    breaker_closed: Counter,
}

/// How long the store must not have failed to be called back, so that a store that fails now and then fills no log.
const QUIET: Duration = Duration::from_secs(10);

/// What is told of one stage.
#[derive(Debug)]
pub(crate) struct Stats {
    stage: Stage,
    counters: Counters,
    breaker_open: Gauge,
    /// When the store failed last; `None` while it is well.
    failed: Cell<Option<SystemTime>>,
}

impl Stats {
    /// Defines the counters. Only while configuring.
    pub(crate) fn new(host: &dyn Host, stage: Stage) -> Self {
        // `ferrox.rate_limit.address`, `ferrox.rate_limit.identity`.
        let counter = |name: &str| host.counter(&format!("{}.{name}", stage.filter()));
        let counters = Counters {
            allowed: counter(Event::Allowed.name()),
            denied: counter(Event::Denied.name()),
            store_failed: counter("store_failed"),
            failed_allowed: counter(Event::FailedAllowed.name()),
            failed_denied: counter(Event::FailedDenied.name()),
            failed_local_allowed: counter(Event::FailedLocalAllowed.name()),
            failed_local_denied: counter(Event::FailedLocalDenied.name()),
            policy_invalid: counter(Event::PolicyInvalid.name()),
            identity_unreadable: counter("identity_unreadable"),
            reported: counter("reported"),
            denied_known: counter("denied_known"),
            leased: counter("leased"),
            short_circuited: counter("short_circuited"),
            breaker_opened: counter("breaker_opened"),
            breaker_closed: counter("breaker_closed"),
        };
        let breaker_open = host.gauge(&format!("{}.breaker_open", stage.filter()));
        // Of a VM that is gone it may have stayed.
        host.set_gauge(breaker_open, 0);
        Self { stage, counters, breaker_open, failed: Cell::new(None) }
    }

    /// Counts what happened to a request.
    pub(crate) fn count(&self, host: &dyn Host, event: Event) {
        host.count(match event {
            Event::Allowed => self.counters.allowed,
            Event::Denied => self.counters.denied,
            Event::FailedAllowed => self.counters.failed_allowed,
            Event::FailedDenied => self.counters.failed_denied,
            Event::FailedLocalAllowed => self.counters.failed_local_allowed,
            Event::FailedLocalDenied => self.counters.failed_local_denied,
            Event::PolicyInvalid => self.counters.policy_invalid,
        });
    }

    /// Counts an identity that auth wrote and this filter cannot read.
    pub(crate) fn identity_unreadable(&self, host: &dyn Host) {
        host.count(self.counters.identity_unreadable);
    }

    /// Counts a request that a limit would have refused if it were not only reported.
    pub(crate) fn reported(&self, host: &dyn Host) {
        host.count(self.counters.reported);
    }

    /// Counts a request that was refused without a question, since a limit was known to be over.
    pub(crate) fn denied_known(&self, host: &dyn Host) {
        host.count(self.counters.denied_known);
    }

    /// Counts a request that passed without a question, by tokens of this worker.
    pub(crate) fn leased(&self, host: &dyn Host) {
        host.count(self.counters.leased);
    }

    /// Counts a request about which the store was not asked, since it fails.
    pub(crate) fn short_circuited(&self, host: &dyn Host) {
        host.count(self.counters.short_circuited);
    }

    /// The breaker opened or closed.
    pub(crate) fn turned(&self, host: &dyn Host, turn: Turn) {
        let (counter, what) = match turn {
            Turn::Opened => {
                (self.counters.breaker_opened, "the store is not asked any more until a probe is answered")
            }
            Turn::Closed => (self.counters.breaker_closed, "the store answered a probe and is asked again"),
        };
        host.count(counter);
        host.set_gauge(self.breaker_open, u64::from(turn == Turn::Opened));
        host.log(Level::Warn, &format!("{}: {what}", self.stage.filter()));
    }

    /// Says again that the breaker is open: all workers write one gauge, and one that closed may have been the last.
    pub(crate) fn breaker_is(&self, host: &dyn Host, open: bool) {
        if open {
            host.set_gauge(self.breaker_open, 1);
        }
    }

    /// The store failed.
    pub(crate) fn store_failed(&self, host: &dyn Host, failure: StoreFailure) {
        host.count(self.counters.store_failed);
        if self.failed.replace(Some(host.now())).is_none() {
            let filter = self.stage.filter();
            host.log(
                Level::Warn,
                &format!("{filter}: the store fails, limits follow on_store_failure: {failure}"),
            );
        }
    }

    /// The store answered.
    pub(crate) fn store_answered(&self, host: &dyn Host) {
        let Some(failed) = self.failed.get() else { return };
        // A clock that was set back gives an error, and then the time is not known.
        if host.now().duration_since(failed).is_ok_and(|quiet| quiet < QUIET) {
            return;
        }
        self.failed.set(None);
        host.log(Level::Warn, &format!("{}: the store answers again", self.stage.filter()));
    }
}
