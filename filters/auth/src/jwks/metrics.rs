//! What is counted of fetched keys.

use ferrox_host::{Counter, Gauge, Host};

/// `ferrox.auth.jwks.fetched`, `ferrox.auth.jwks.failed` and `ferrox.auth.jwks.oldest_seconds`.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Sets of keys that were fetched and can be used.
    pub(super) fetched: Counter,
    /// Fetches that failed, or brought what cannot be used.
    pub(super) failed: Counter,
    /// How long ago the set in use that was fetched first was fetched, over all providers, in seconds.
    pub(crate) oldest: Gauge,
}

impl Metrics {
    /// Defines them. Only while configuring.
    pub(crate) fn define(host: &dyn Host) -> Self {
        Self {
            fetched: host.counter("ferrox.auth.jwks.fetched"),
            failed: host.counter("ferrox.auth.jwks.failed"),
            oldest: host.gauge("ferrox.auth.jwks.oldest_seconds"),
        }
    }
}
