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
    /// The whole path; this or the prefix is set.
    pub path_exact: Option<String>,
    /// The first segments of the path.
    pub path_prefix: Option<String>,
    /// Request methods; empty: any.
    pub methods: Vec<String>,
    /// Milliseconds.
    pub timeout_ms: i32,
    /// Routes of higher priority are tried first.
    pub priority: i32,
    /// Names of the gateways that it is part of.
    #[serde(default = "first_gateway")]
    pub gateways: Vec<String>,
}

/// Of a release of before there were gateways.
fn first_gateway() -> Vec<String> {
    vec![FIRST.to_owned()]
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
