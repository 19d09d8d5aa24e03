//! Requests that count until they end.

use ferrox_host::Host;
use ferrox_policy::{
    rate_limit::Algorithm,
    sidecar::{LimitCheck, LimitsRequest, Return},
};

/// The name under which a request counts, where its end is what counts; nobody else has it.
pub(crate) fn lease(host: &dyn Host, algorithm: Algorithm) -> Option<String> {
    (algorithm == Algorithm::Concurrency).then(|| format!("{:016x}{:016x}", host.random(), host.random()))
}

/// What of a request counts until it ends.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    checks: Vec<LimitCheck>,
    /// Whether the store said so. Until then nobody knows, also when its answer does not come.
    sure: bool,
}

impl UnderWay {
    /// Of a request about which this is asked.
    pub(crate) fn asked(request: &LimitsRequest) -> Self {
        let checks = request.limits.iter().filter(|check| check.lease.is_some()).cloned().collect();
        Self { checks, sure: false }
    }

    /// The store answered whether the request may pass, and so whether it counted.
    pub(crate) fn answered(&mut self, allowed: bool) {
        self.sure = true;
        if !allowed {
            self.checks.clear();
        }
    }

    /// The limits that count it.
    pub(crate) fn checks(&self) -> &[LimitCheck] {
        &self.checks
    }

    /// Whether they surely do.
    pub(crate) fn is_sure(&self) -> bool {
        self.sure
    }

    /// What the store is told of the end.
    pub(crate) fn ends(&self) -> Vec<Return> {
        self.checks.iter().map(ended).collect()
    }
}

fn ended(check: &LimitCheck) -> Return {
    Return {
        key: check.key.clone(),
        algorithm: check.algorithm,
        limit: check.limit,
        window_ms: check.window_ms,
        tokens: 0,
        mark: 0,
        lease: check.lease.clone(),
    }
}
