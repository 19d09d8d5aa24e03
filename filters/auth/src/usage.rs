//! Which keys were used, how often and when last: counted here, reported now and then.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, hash_map::Entry},
    rc::Rc,
    time::{Duration, SystemTime},
};

use ferrox_host::{Call, CallId, CallOutcome, Counter, Host};
use ferrox_policy::auth::{KeyDigest, KeyUsage, KeyUsageReport, MAX_KEYS_IN_REPORT, UsageReports};

/// Most keys whose use waits to be reported. The use of further ones is not counted until a report succeeds.
const MAX_WAITING: usize = 10_000;

thread_local! {
    /// The counts of a VM by who gets them: they outlive a configuration, or each change of a key would lose some.
    static OF_VM: RefCell<HashMap<UsageReports, Rc<Counts>>> = RefCell::default();
}

/// Counts the use of keys.
#[derive(Debug)]
pub(crate) struct Usage {
    reports: UsageReports,
    counts: Rc<Counts>,
    due_in: Cell<Duration>,
    reported: Counter,
    failed: Counter,
    lost: Counter,
}

#[derive(Debug, Default)]
struct Counts {
    waiting: RefCell<HashMap<KeyDigest, Seen>>,
    on_the_way: RefCell<HashMap<CallId, Sent>>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    requests: u64,
    last_used: u64,
}

#[derive(Debug)]
struct Sent {
    at: SystemTime,
    keys: Vec<KeyUsage>,
}

impl Usage {
    /// Begins to count. Only while configuring.
    pub(crate) fn start(host: &dyn Host, reports: UsageReports) -> Self {
        let counts = OF_VM.with_borrow_mut(|all| Rc::clone(all.entry(reports.clone()).or_default()));
        let due_in = Cell::new(interval(&reports));
        Self {
            reports,
            counts,
            due_in,
            reported: host.counter("ferrox.auth.usage.reported"),
            failed: host.counter("ferrox.auth.usage.failed"),
            lost: host.counter("ferrox.auth.usage.lost"),
        }
    }

    /// Counts a request that passed with a key, at a time in seconds since 1970.
    pub(crate) fn count(&self, host: &dyn Host, sha256: KeyDigest, now: u64) {
        self.add(host, KeyUsage { sha256, requests: 1, last_used: now });
    }

    /// Time from one report to the next.
    pub(crate) fn interval(&self) -> Duration {
        interval(&self.reports)
    }

    /// Reports when it is time; a period is over since this was last called.
    pub(crate) fn tick(&self, host: &dyn Host, period: Duration) {
        let due_in = self.due_in.get().saturating_sub(period);
        if !due_in.is_zero() {
            self.due_in.set(due_in);
            return;
        }
        self.due_in.set(self.interval());
        self.report(host);
    }

    /// Sends what waits. What an earlier report could not bring over is part of it.
    fn report(&self, host: &dyn Host) {
        self.take_back_unanswered(host);
        // One round at a time, so that a slow receiver is not asked to do more.
        if !self.counts.on_the_way.borrow().is_empty() {
            return;
        }
        let waiting = self.counts.waiting.take();
        let mut keys: Vec<_> = waiting.into_iter().map(|(sha256, seen)| seen.of(sha256)).collect();
        while !keys.is_empty() {
            let rest = keys.split_off(keys.len().min(MAX_KEYS_IN_REPORT));
            self.send(host, keys);
            keys = rest;
        }
    }

    /// Notes what became of a report.
    pub(crate) fn settle(&self, host: &dyn Host, call: CallId, outcome: &CallOutcome) {
        let Some(sent) = self.counts.on_the_way.borrow_mut().remove(&call) else { return };
        match outcome {
            CallOutcome::Answered { status: 200..=299, .. } => host.count(self.reported),
            _ => self.take_back(host, sent.keys),
        }
    }

    fn send(&self, host: &dyn Host, keys: Vec<KeyUsage>) {
        let report = KeyUsageReport { gateway: self.reports.gateway.clone(), keys };
        // A struct of numbers and strings always serializes.
        let body = serde_json::to_vec(&report).unwrap_or_default();
        let call = Call {
            cluster: &self.reports.cluster,
            method: "POST",
            authority: self.reports.authority.as_deref().unwrap_or(&self.reports.cluster),
            path: &self.reports.path,
            headers: &[("content-type", "application/json")],
            body: &body,
            timeout: Duration::from_millis(self.reports.timeout_ms.into()),
        };
        match host.call(&call) {
            Ok(id) => {
                let sent = Sent { at: host.now(), keys: report.keys };
                self.counts.on_the_way.borrow_mut().insert(id, sent);
            }
            Err(_) => self.take_back(host, report.keys),
        }
    }

    /// An answer to a call goes to the configuration that sent it, and is not heard when that one is gone.
    fn take_back_unanswered(&self, host: &dyn Host) {
        let patience = Duration::from_millis(self.reports.timeout_ms.into()) + Duration::from_secs(1);
        let is_late = |sent: &Sent| host.now().duration_since(sent.at).is_ok_and(|since| since > patience);
        let late: Vec<_> = self.counts.on_the_way.borrow_mut().extract_if(|_, sent| is_late(sent)).collect();
        for (_, sent) in late {
            self.take_back(host, sent.keys);
        }
    }

    fn take_back(&self, host: &dyn Host, keys: Vec<KeyUsage>) {
        host.count(self.failed);
        for key in keys {
            self.add(host, key);
        }
    }

    fn add(&self, host: &dyn Host, key: KeyUsage) {
        let mut waiting = self.counts.waiting.borrow_mut();
        let is_full = waiting.len() >= MAX_WAITING;
        match waiting.entry(key.sha256) {
            Entry::Occupied(mut seen) => seen.get_mut().add(&key),
            Entry::Vacant(_) if is_full => host.count(self.lost),
            Entry::Vacant(place) => {
                place.insert(Seen { requests: key.requests, last_used: key.last_used });
            }
        }
    }
}

fn interval(reports: &UsageReports) -> Duration {
    Duration::from_secs(reports.interval_seconds.into())
}

impl Seen {
    fn add(&mut self, more: &KeyUsage) {
        self.requests = self.requests.saturating_add(more.requests);
        self.last_used = self.last_used.max(more.last_used);
    }

    fn of(self, sha256: KeyDigest) -> KeyUsage {
        KeyUsage { sha256, requests: self.requests, last_used: self.last_used }
    }
}
