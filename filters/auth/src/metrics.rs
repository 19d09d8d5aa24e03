//! What the filter counts.

use std::{collections::HashMap, time::SystemTime};

use ferrox_host::{Counter, Gauge, Host};

use crate::{denial::Denial, jwks};

/// The filter's counters: `ferrox.auth.allowed`, `ferrox.auth.anonymous`, `ferrox.auth.preflights`,
/// `ferrox.auth.denied.<reason>`, `ferrox.auth.reported.<reason>` and `ferrox.auth.broken_policy`; its gauges
/// `ferrox.auth.memory_bytes` and `ferrox.auth.configured_in_us`; and those of fetched keys.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Requests that passed with an identity.
    pub(crate) allowed: Counter,
    /// Requests that passed without one, where that is allowed.
    pub(crate) anonymous: Counter,
    /// CORS preflights, which pass.
    pub(crate) preflights: Counter,
    /// Requests that were refused because their route's policy could not be read.
    pub(crate) broken_policy: Counter,
    /// What is counted of fetched keys.
    pub(crate) jwks: jwks::Metrics,
    denied: HashMap<Denial, Counter>,
    reported: HashMap<Denial, Counter>,
    memory: Gauge,
    configured_in: Gauge,
}

impl Metrics {
    /// Defines them. Only while configuring.
    pub(crate) fn define(host: &dyn Host) -> Self {
        let by_reason = |kind: &str| {
            let counter = |denial: Denial| host.counter(&format!("ferrox.auth.{kind}.{}", denial.reason()));
            Denial::ALL.iter().map(|denial| (*denial, counter(*denial))).collect()
        };
        Self {
            allowed: host.counter("ferrox.auth.allowed"),
            anonymous: host.counter("ferrox.auth.anonymous"),
            preflights: host.counter("ferrox.auth.preflights"),
            broken_policy: host.counter("ferrox.auth.broken_policy"),
            jwks: jwks::Metrics::define(host),
            denied: by_reason("denied"),
            reported: by_reason("reported"),
            memory: host.gauge("ferrox.auth.memory_bytes"),
            configured_in: host.gauge("ferrox.auth.configured_in_us"),
        }
    }

    /// Notes what a configuration cost that was begun at this time. The VM that is configured last has the word.
    pub(crate) fn note_configured(&self, host: &dyn Host, begun: SystemTime) {
        let elapsed = host.now().duration_since(begun).unwrap_or_default();
        host.set_gauge(self.configured_in, u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX));
        host.set_gauge(self.memory, u64::try_from(host.memory()).unwrap_or(u64::MAX));
    }

    /// Counts a refusal.
    pub(crate) fn count_denied(&self, host: &dyn Host, denial: Denial) {
        if let Some(counter) = self.denied.get(&denial) {
            host.count(*counter);
        }
    }

    /// Counts what would have been a refusal.
    pub(crate) fn count_reported(&self, host: &dyn Host, denial: Denial) {
        if let Some(counter) = self.reported.get(&denial) {
            host.count(*counter);
        }
    }
}
