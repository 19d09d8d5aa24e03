//! What the filter counts.

use std::collections::HashMap;

use ferrox_host::{Counter, Host};

use crate::denial::Denial;

/// The filter's counters: `ferrox.auth.allowed`, `ferrox.auth.denied.<reason>` and
/// `ferrox.auth.broken_policy`.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Requests that passed with an identity.
    pub(crate) allowed: Counter,
    /// Requests that were refused because their route's policy could not be read.
    pub(crate) broken_policy: Counter,
    denied: HashMap<Denial, Counter>,
}

impl Metrics {
    /// Defines them. Only while configuring.
    pub(crate) fn define(host: &dyn Host) -> Self {
        let counter = |denial: Denial| host.counter(&format!("ferrox.auth.denied.{}", denial.reason()));
        Self {
            allowed: host.counter("ferrox.auth.allowed"),
            broken_policy: host.counter("ferrox.auth.broken_policy"),
            denied: Denial::ALL.iter().map(|denial| (*denial, counter(*denial))).collect(),
        }
    }

    /// Counts a refusal.
    pub(crate) fn count_denied(&self, host: &dyn Host, denial: Denial) {
        if let Some(counter) = self.denied.get(&denial) {
            host.count(*counter);
        }
    }
}
