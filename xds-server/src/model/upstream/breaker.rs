//! When an upstream is spared.

use std::time::Duration;

use crate::{model::problem::RowCheck, store::UpstreamRow};

/// When an upstream is spared. Each Envoy judges on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    /// Consecutive failures (5xx, refused, reset, timed out) of an endpoint that open its breaker: 1 to 1000.
    pub failures: u32,
    /// How long it stays open, 100 ms to 1 h; Envoy rounds it up to its next sweep, at most a tenth later.
    pub open_for: Duration,
    /// Connections at once; 0 forces the breaker open.
    pub max_connections: u32,
    /// Requests that wait for a connection; 0 forces the breaker open.
    pub max_pending_requests: u32,
    /// Requests at once; 0 forces the breaker open.
    pub max_requests: u32,
    /// Retries at once.
    pub max_retries: u32,
}

pub(super) fn parse(row: &UpstreamRow, check: &mut RowCheck<'_>) -> Option<Breaker> {
    let failures = check.number("failures", row.failures, 1..=1000);
    let open_for = check.number("open_for_ms", row.open_for_ms, 100..=3_600_000);
    let max_connections = check.number("max_connections", row.max_connections, 0..=i32::MAX);
    let max_pending_requests = check.number("max_pending_requests", row.max_pending_requests, 0..=i32::MAX);
    let max_requests = check.number("max_requests", row.max_requests, 0..=i32::MAX);
    let max_retries = check.number("max_retries", row.max_retries, 0..=i32::MAX);
    Some(Breaker {
        failures: failures?,
        open_for: Duration::from_millis(open_for?.into()),
        max_connections: max_connections?,
        max_pending_requests: max_pending_requests?,
        max_requests: max_requests?,
        max_retries: max_retries?,
    })
}
