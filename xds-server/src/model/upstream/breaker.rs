//! When an upstream is spared.

use std::time::Duration;

use super::{
    failure::{self, FailureOn},
    kept,
    probe::Probe,
};
use crate::{model::problem::RowCheck, store::UpstreamRow};

/// When an upstream is spared. Each Envoy judges on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    /// Consecutive failures of an endpoint that open its breaker: 1 to 1000.
    pub failures: u32,
    /// What counts as a failure.
    pub failure_on: FailureOn,
    /// How long it stays open, 100 ms to 1 h; Envoy rounds it up to its next sweep, at most a tenth later. With a probe: the
    /// time between probes.
    pub open_for: Duration,
    /// Share of the endpoints that may be out at once, rounded down to whole endpoints: 1 to 100.
    pub max_out_percent: u32,
    /// What closes the breaker, unless time does.
    pub probe: Option<Probe>,
    /// What a person wants it to be, whatever the failures.
    pub force: Option<Force>,
    /// Connections at once; 0 forces the breaker open.
    pub max_connections: u32,
    /// Requests that wait for a connection; 0 forces the breaker open.
    pub max_pending_requests: u32,
    /// Requests at once; 0 forces the breaker open.
    pub max_requests: u32,
    /// How many retries there may be at once.
    pub retries: Retries,
}

/// A breaker that a person has set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// Every request is answered with 503.
    Open,
    /// No endpoint is ever out.
    Closed,
}

/// How many retries there may be at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retries {
    /// So many.
    Limit(u32),
    /// A share of the requests that are under way.
    Budget {
        /// The share: 0 to 100.
        percent: u32,
        /// What is allowed in any case.
        min: u32,
    },
}

pub(super) fn parse(row: &UpstreamRow, check: &mut RowCheck<'_>) -> Option<Breaker> {
    let failures = check.number("failures", row.failures, 1..=1000);
    let failure_on = check.keep("failure_on", failure::parse(&row.failure_on));
    let open_for = check.number("open_for_ms", row.open_for_ms, 100..=3_600_000);
    let max_out_percent = check.number("max_out_percent", row.max_out_percent, 1..=100);
    let probe = row.probe.as_ref().map(|probe| check.document("probe", probe));
    let force = row.force.as_deref().map(|force| check.keep("force", self::force(force)));
    let max_connections = check.number("max_connections", row.max_connections, 0..=i32::MAX);
    let max_pending_requests = check.number("max_pending_requests", row.max_pending_requests, 0..=i32::MAX);
    let max_requests = check.number("max_requests", row.max_requests, 0..=i32::MAX);
    let retries = retries(row, check);
    Some(Breaker {
        failures: failures?,
        failure_on: failure_on?,
        open_for: Duration::from_millis(open_for?.into()),
        max_out_percent: max_out_percent?,
        probe: kept(probe)?,
        force: kept(force)?,
        max_connections: max_connections?,
        max_pending_requests: max_pending_requests?,
        max_requests: max_requests?,
        retries: retries?,
    })
}

fn force(force: &str) -> Result<Force, String> {
    match force {
        "open" => Ok(Force::Open),
        "closed" => Ok(Force::Closed),
        _ => Err(format!("'{force}' must be open or closed")),
    }
}

fn retries(row: &UpstreamRow, check: &mut RowCheck<'_>) -> Option<Retries> {
    let limit = check.number("max_retries", row.max_retries, 0..=i32::MAX);
    let min = check.number("retry_budget_min", row.retry_budget_min, 0..=i32::MAX);
    let Some(percent) = row.retry_budget_percent else {
        return Some(Retries::Limit(limit?));
    };
    let percent = check.number("retry_budget_percent", percent, 0..=100);
    Some(Retries::Budget { percent: percent?, min: min? })
}
