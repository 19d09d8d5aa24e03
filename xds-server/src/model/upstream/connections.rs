//! Connections to the endpoints of an upstream.

use std::{num::NonZeroU32, time::Duration};

use ferrox_policy::{Check, Invalid};
use schemars::JsonSchema;
use serde::Deserialize;

use super::kept;
use crate::{model::problem::RowCheck, store::UpstreamRow};

/// Connections to the endpoints of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connections {
    /// How long one may take to be made: 1 ms to 60 s.
    pub connect_timeout: Duration,
    /// How long one without a request is kept: 1 ms to 1 day.
    pub idle_timeout: Duration,
    /// After so many requests it is closed.
    pub max_requests: Option<NonZeroU32>,
    /// How dead ones are found.
    pub keepalive: Option<TcpKeepalive>,
    /// What is spoken on them.
    pub protocol: HttpVersion,
}

/// What is spoken to the endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, in clear text by prior knowledge (RFC 9113 section 3.3).
    Http2,
    /// What TLS agrees on (RFC 7301).
    Auto,
}

/// How dead connections are found: by probes that the kernel sends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpKeepalive {
    /// How long a connection is silent before the first probe, in seconds: 1 to 32,767. Default: 60.
    #[serde(default = "default_idle_seconds")]
    pub idle_seconds: u32,
    /// The time between probes, in seconds: 1 to 32,767. Default: 10.
    #[serde(default = "default_interval_seconds")]
    pub interval_seconds: u32,
    /// After so many probes without an answer the connection is dead: 1 to 127. Default: 3.
    #[serde(default = "default_probes")]
    pub probes: u32,
}

fn default_idle_seconds() -> u32 {
    60
}

fn default_interval_seconds() -> u32 {
    10
}

fn default_probes() -> u32 {
    3
}

impl Check for TcpKeepalive {
    /// The bounds are Linux's (`TCP_KEEPIDLE`, `TCP_KEEPINTVL`, `TCP_KEEPCNT`), beyond which the option cannot be set.
    fn check(&self) -> Result<(), Invalid> {
        let seconds = [("idle_seconds", self.idle_seconds), ("interval_seconds", self.interval_seconds)];
        if let Some((field, _)) = seconds.into_iter().find(|(_, seconds)| !(1..=32_767).contains(seconds)) {
            return Err(Invalid::new(field, "must be 1 to 32767"));
        }
        if !(1..=127).contains(&self.probes) {
            return Err(Invalid::new("probes", "must be 1 to 127"));
        }
        Ok(())
    }
}

pub(super) fn parse(row: &UpstreamRow, check: &mut RowCheck<'_>) -> Option<Connections> {
    let connect_timeout = check.number("connect_timeout_ms", row.connect_timeout_ms, 1..=60_000);
    let idle_timeout = check.number("idle_timeout_ms", row.idle_timeout_ms, 1..=86_400_000);
    let max_requests = row.max_requests_per_connection.map(|number| {
        let number = check.number("max_requests_per_connection", number, 1..=i32::MAX)?;
        NonZeroU32::new(number)
    });
    let keepalive = row.tcp_keepalive.as_ref().map(|json| check.document("tcp_keepalive", json));
    let protocol = check.keep("protocol", protocol(row));
    Some(Connections {
        connect_timeout: Duration::from_millis(connect_timeout?.into()),
        idle_timeout: Duration::from_millis(idle_timeout?.into()),
        max_requests: kept(max_requests)?,
        keepalive: kept(keepalive)?,
        protocol: protocol?,
    })
}

fn protocol(row: &UpstreamRow) -> Result<HttpVersion, String> {
    match row.protocol.as_str() {
        "http1" => Ok(HttpVersion::Http1),
        "http2" => Ok(HttpVersion::Http2),
        "auto" if row.tls.is_none() => Err("auto is what TLS agrees on and needs tls".to_owned()),
        "auto" => Ok(HttpVersion::Auto),
        other => Err(format!("'{other}' must be http1, http2 or auto")),
    }
}
