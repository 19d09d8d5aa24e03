//! What the filter counts.

use std::collections::HashMap;

use ferrox_host::{Counter, Host};

use crate::{denial::Denial, jwks};

/// The filter's counters: `ferrox.auth.allowed`, `ferrox.auth.anonymous`, `ferrox.auth.preflights`,
/// `ferrox.auth.denied.<reason>`, `ferrox.auth.reported.<reason>` and `ferrox.auth.broken_policy`; and those of fetched keys.
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
        }
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
