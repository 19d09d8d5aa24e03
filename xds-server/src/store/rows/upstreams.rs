//! Rows of upstreams.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;

/// A service behind the gateway. Releases of before a field was there do not have it; none has it at its default, so that
/// an upgrade alone makes no new release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct UpstreamRow {
    /// Primary key.
    pub name: String,
    /// Milliseconds.
    pub connect_timeout_ms: i32,
    /// Consecutive failures of an endpoint that open its breaker.
    pub failures: i32,
    /// Milliseconds.
    pub open_for_ms: i32,
    /// Limit for each Envoy; 0 forces the breaker open.
    pub max_connections: i32,
    /// Limit for each Envoy; 0 forces the breaker open.
    pub max_pending_requests: i32,
    /// Limit for each Envoy; 0 forces the breaker open.
    pub max_requests: i32,
    /// Limit for each Envoy.
    pub max_retries: i32,
    /// What counts as a failure: `5xx` or `gateway_error`, and `no_answer`.
    #[serde(default = "default::failure_on", skip_serializing_if = "default::is_failure_on")]
    pub failure_on: Vec<String>,
    /// Share of the endpoints that may be out at once.
    #[serde(default = "default::max_out_percent", skip_serializing_if = "default::is_max_out_percent")]
    pub max_out_percent: i32,
    /// The request whose success closes the breaker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Value>,
    /// `open` or `closed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<String>,
    /// Takes the place of `max_retries`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_budget_percent: Option<i32>,
    /// Retries that the budget always allows.
    #[serde(default = "default::retry_budget_min", skip_serializing_if = "default::is_retry_budget_min")]
    pub retry_budget_min: i32,
}

/// The defaults of columns that were not always there.
mod default {
    pub(super) fn failure_on() -> Vec<String> {
        vec!["5xx".to_owned(), "no_answer".to_owned()]
    }

    pub(super) fn is_failure_on(value: &[String]) -> bool {
        value == failure_on()
    }

    pub(super) fn max_out_percent() -> i32 {
        100
    }

    pub(super) fn is_max_out_percent(value: &i32) -> bool {
        *value == max_out_percent()
    }

    pub(super) fn retry_budget_min() -> i32 {
        3
    }

    pub(super) fn is_retry_budget_min(value: &i32) -> bool {
        *value == retry_budget_min()
    }
}

/// Where an upstream listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct EndpointRow {
    /// Name of the upstream.
    pub upstream: String,
    /// An IP address as text.
    pub address: String,
    /// TCP port.
    pub port: i32,
}
