//! Checks that take endpoints out and in.

use std::time::Duration;

use ferrox_policy::{Check, Invalid};
use schemars::JsonSchema;
use serde::Deserialize;

use super::http_check::{check_host, check_path, check_statuses};

/// A check that takes endpoints out and in: exactly one of `http`, `grpc` and `tcp`. Each Envoy checks each endpoint on its
/// own, and gives a new one traffic after its first success.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// A GET.
    #[serde(default)]
    http: Option<HttpCheck>,
    /// A call of gRPC's health service (`grpc.health.v1`), which needs the protocol `http2`.
    #[serde(default)]
    grpc: Option<GrpcCheck>,
    /// A connection.
    #[serde(default)]
    tcp: Option<TcpCheck>,
    /// The time between checks, in milliseconds: 100 to 3,600,000. Default: 10,000.
    #[serde(default = "default_interval_ms")]
    interval_ms: u32,
    /// How long a check may take, in milliseconds: 1 to 10,000. Default: 1,000.
    #[serde(default = "default_timeout_ms")]
    timeout_ms: u32,
    /// After so many successes in a row an endpoint is in again: 1 to 100. Default: 2.
    #[serde(default = "default_healthy_threshold")]
    pub healthy_threshold: u32,
    /// After so many failures in a row an endpoint is out: 1 to 100. Default: 3.
    #[serde(default = "default_unhealthy_threshold")]
    pub unhealthy_threshold: u32,
}

/// A GET.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpCheck {
    /// The path, with its query.
    pub path: String,
    /// The host. Default: the name of the upstream.
    #[serde(default)]
    pub host: Option<String>,
    /// The statuses that are a success: 100 to 599. Default: 200 to 299.
    #[serde(default)]
    pub statuses: Vec<u16>,
}

/// A call of gRPC's health service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrpcCheck {
    /// The service that is asked for. Default: the server as a whole.
    #[serde(default)]
    pub service: String,
}

/// A connection, over which nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TcpCheck {}

/// What a check does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checker<'a> {
    /// A GET.
    Http(&'a HttpCheck),
    /// A call.
    Grpc(&'a GrpcCheck),
    /// A connection.
    Tcp,
}

fn default_interval_ms() -> u32 {
    10_000
}

fn default_timeout_ms() -> u32 {
    1000
}

fn default_healthy_threshold() -> u32 {
    2
}

fn default_unhealthy_threshold() -> u32 {
    3
}

impl HealthCheck {
    /// What it does.
    #[must_use]
    pub fn checker(&self) -> Checker<'_> {
        match (&self.http, &self.grpc) {
            (Some(http), _) => Checker::Http(http),
            (None, Some(grpc)) => Checker::Grpc(grpc),
            (None, None) => Checker::Tcp,
        }
    }

    /// The time between checks: 100 ms to 1 h.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms.into())
    }

    /// How long one may take: 1 ms to 10 s, since a cluster waits that long for its first checks.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }
}

impl Check for HealthCheck {
    fn check(&self) -> Result<(), Invalid> {
        if [self.http.is_some(), self.grpc.is_some(), self.tcp.is_some()].iter().filter(|kind| **kind).count()
            != 1
        {
            return Err(Invalid::new("", "exactly one of http, grpc and tcp must be set"));
        }
        if let Some(http) = &self.http {
            http.check().map_err(|invalid| invalid.within("http"))?;
        }
        let ranges = [
            ("interval_ms", self.interval_ms, 100..=3_600_000),
            ("timeout_ms", self.timeout_ms, 1..=10_000),
            ("healthy_threshold", self.healthy_threshold, 1..=100),
            ("unhealthy_threshold", self.unhealthy_threshold, 1..=100),
        ];
        match ranges.into_iter().find(|(_, value, range)| !range.contains(value)) {
            Some((field, _, range)) => {
                Err(Invalid::new(field, format!("must be {} to {}", range.start(), range.end())))
            }
            None => Ok(()),
        }
    }
}

impl Check for HttpCheck {
    fn check(&self) -> Result<(), Invalid> {
        check_path(&self.path)?;
        check_host(self.host.as_deref())?;
        check_statuses(&self.statuses)
    }
}
