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
    known: Known,
}

/// What is known of whether the store counts it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// It was asked. Until its answer nobody knows, also when that does not come.
    #[default]
    Nothing,
    /// It said that it does.
    Counted,
    /// It was not even asked.
    NotCounted,
}

impl UnderWay {
    /// Of a request about which this is asked.
    pub(crate) fn asked(request: &LimitsRequest) -> Self {
        let checks = request.limits.iter().filter(|check| check.lease.is_some()).cloned().collect();
        Self { checks, known: Known::Nothing }
    }

    /// The store was not asked.
    pub(crate) fn not_asked(&mut self) {
        self.known = Known::NotCounted;
    }

    /// The store answered whether the request may pass, and so whether it counted.
    pub(crate) fn answered(&mut self, allowed: bool) {
        self.known = Known::Counted;
        if !allowed {
            self.checks.clear();
        }
    }

    /// The limits that count it.
    pub(crate) fn checks(&self) -> &[LimitCheck] {
        &self.checks
    }

    /// Whether the store counts it.
    pub(crate) fn known(&self) -> Known {
        self.known
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
