//! Rows of gateways and routes.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

/// The gateway that a new database has, and that everything belonged to before there were several.
const FIRST: &str = "ferrox";

/// A group of nodes that run the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct GatewayRow {
    /// Primary key; the `node.cluster` of its nodes.
    pub name: String,
    /// How its routes are cut into resources: `none` or `host`.
    #[serde(default = "no_sharding")]
    pub sharding: String,
}

impl GatewayRow {
    pub(super) fn first() -> Self {
        Self { name: FIRST.to_owned(), sharding: no_sharding() }
    }
}

/// Of a release of before there was sharding, and of a new gateway.
fn no_sharding() -> String {
    "none".to_owned()
}

/// Which requests go where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct RouteRow {
    /// Primary key.
    pub name: String,
    /// Host patterns.
    pub hosts: Vec<String>,
    /// The whole path; this or another way to match the path is set.
    pub path_exact: Option<String>,
    /// The first segments of the path.
    pub path_prefix: Option<String>,
    /// A regular expression for the whole path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_regex: Option<String>,
    /// Segments of the path, some of which are captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_template: Option<String>,
    /// What else a request must have, as `model::conditions::Document` defines it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<serde_json::Value>,
    /// Request methods; empty: any.
    pub methods: Vec<String>,
    /// Milliseconds.
    pub timeout_ms: i32,
    /// Routes of higher priority are tried first.
    pub priority: i32,
    /// Names of the gateways that it is part of.
    #[serde(default = "first_gateway")]
    pub gateways: Vec<String>,
    /// Whether the route is there at all.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub enabled: bool,
    /// What Envoy answers to every request for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<serde_json::Value>,
    /// Where clients are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<serde_json::Value>,
    /// What Envoy answers by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<serde_json::Value>,
    /// What the upstream sees as path and host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<serde_json::Value>,
    /// Milliseconds; 0: without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout_ms: Option<i32>,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_stream_duration_ms: Option<i32>,
    /// When a request is sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<serde_json::Value>,
    /// Changes of the headers that the upstream gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_headers: Option<serde_json::Value>,
    /// Changes of the headers that the client gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_headers: Option<serde_json::Value>,
    /// Which pages of other origins may read answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<serde_json::Value>,
    /// How answers are compressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<serde_json::Value>,
    /// Largest request body in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_request_bytes: Option<i32>,
    /// Protocols that a connection may change to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upgrades: Vec<String>,
    /// What of a request chooses its endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_on: Option<serde_json::Value>,
}

/// Of a release of before there were gateways.
fn first_gateway() -> Vec<String> {
    vec![FIRST.to_owned()]
}

/// Of a release of before routes could be switched off.
fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_yes(enabled: &bool) -> bool {
    *enabled
}

/// A share of a route's requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct RouteUpstreamRow {
    /// Name of the route.
    pub route: String,
    /// Name of the upstream.
    pub upstream: String,
    /// The share relative to the other weights of the route.
    pub weight: i32,
}

/// A copy of a route's requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct RouteMirrorRow {
    /// Name of the route.
    pub route: String,
    /// Name of the upstream.
    pub upstream: String,
    /// How many of a hundred requests are copied.
    pub percent: i32,
}

/// A policy of a route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct RoutePolicyRow {
    /// Name of the route.
    pub route: String,
    /// `auth`, `rate_limit` or `cache`.
    pub kind: String,
    /// The policy, as `ferrox-policy` defines it.
    pub policy: serde_json::Value,
}
