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
    /// `static`, `strict_dns` or `logical_dns`.
    #[serde(default = "default::discovery", skip_serializing_if = "default::is_discovery")]
    pub discovery: String,
    /// Milliseconds.
    #[serde(default = "default::dns_refresh_ms", skip_serializing_if = "default::is_dns_refresh_ms")]
    pub dns_refresh_ms: i32,
    /// `round_robin`, `least_request`, `random`, `ring_hash` or `maglev`.
    #[serde(default = "default::load_balancing", skip_serializing_if = "default::is_load_balancing")]
    pub load_balancing: String,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_start_ms: Option<i32>,
    /// `http1`, `http2` or `auto`.
    #[serde(default = "default::protocol", skip_serializing_if = "default::is_protocol")]
    pub protocol: String,
    /// TLS to the endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Value>,
    /// Milliseconds.
    #[serde(default = "default::idle_timeout_ms", skip_serializing_if = "default::is_idle_timeout_ms")]
    pub idle_timeout_ms: i32,
    /// After so many a connection is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_requests_per_connection: Option<i32>,
    /// How dead connections are found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_keepalive: Option<Value>,
    /// What takes endpoints out and in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<Value>,
}

/// Where an upstream listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct EndpointRow {
    /// Name of the upstream.
    pub upstream: String,
    /// An IP address or a DNS name.
    pub address: String,
    /// TCP port.
    pub port: i32,
    /// Share relative to the others of its priority.
    #[serde(default = "default::weight", skip_serializing_if = "default::is_weight")]
    pub weight: i32,
    /// Where it is; empty: not said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub zone: String,
    /// The lowest is used first.
    #[serde(default, skip_serializing_if = "default::is_priority")]
    pub priority: i32,
}

/// The defaults of columns that were not always there.
mod default {
    macro_rules! default {
        ($($column:ident, $is_default:ident: $type:ty = $value:expr;)*) => {$(
            pub(super) fn $column() -> $type {
                $value.into()
            }

            pub(super) fn $is_default(value: &$type) -> bool {
                *value == $column()
            }
        )*};
    }

    default! {
        failure_on, is_failure_on: Vec<String> = ["5xx".to_owned(), "no_answer".to_owned()];
        max_out_percent, is_max_out_percent: i32 = 100;
        retry_budget_min, is_retry_budget_min: i32 = 3;
        discovery, is_discovery: String = "static";
        dns_refresh_ms, is_dns_refresh_ms: i32 = 5000;
        load_balancing, is_load_balancing: String = "round_robin";
        protocol, is_protocol: String = "http1";
        idle_timeout_ms, is_idle_timeout_ms: i32 = 3_600_000;
        weight, is_weight: i32 = 1;
    }

    pub(super) fn is_priority(value: &i32) -> bool {
        *value == 0
    }
}
