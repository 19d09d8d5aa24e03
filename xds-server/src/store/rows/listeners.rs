//! Rows of listeners and of the certificates that they show.

use std::fmt;

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

/// Where the Envoys of a gateway listen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct ListenerRow {
    /// Primary key.
    pub name: String,
    /// Names of the gateways that listen there.
    pub gateways: Vec<String>,
    /// An IP address as text.
    pub address: String,
    /// TCP port.
    pub port: i32,
    /// `http` or `https`.
    pub protocol: String,
    /// Whether clients may speak HTTP/2.
    pub http2: bool,
    /// Names of certificates; none on `http`.
    pub certificates: Vec<String>,
    /// The one of them for clients that ask for none of their names.
    pub default_certificate: Option<String>,
    /// Where requests are redirected to.
    pub redirect_https_port: Option<i32>,
    /// How many proxies in front add to `X-Forwarded-For`.
    pub trusted_hops: i32,
    /// Whether connections begin with a PROXY header.
    pub proxy_protocol: bool,
    /// Networks that connections may come from, as text; empty: anywhere.
    pub trusted_proxies: Vec<String>,
    /// Milliseconds.
    pub idle_timeout_ms: i32,
    /// Milliseconds.
    pub stream_idle_timeout_ms: i32,
    /// Milliseconds.
    pub request_headers_timeout_ms: i32,
    /// Milliseconds; 0: without end.
    pub request_timeout_ms: i32,
    /// KiB.
    pub max_request_headers_kb: i32,
    /// Limit for each Envoy.
    pub max_connections: Option<i32>,
}

/// A certificate with its key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct CertificateRow {
    /// Primary key.
    pub name: String,
    /// PEM, the certificate itself first.
    pub chain: String,
    /// The encrypted key in lower-case hex.
    pub private_key: String,
    /// When it expires, in UTC and whole seconds (RFC 3339, `2027-01-31T12:00:00Z`).
    pub not_after: String,
}

impl fmt::Debug for CertificateRow {
    /// Without the key, though it is encrypted.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CertificateRow")
            .field("name", &self.name)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}
