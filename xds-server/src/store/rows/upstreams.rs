//! Rows of upstreams.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

/// A service behind the gateway.
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
