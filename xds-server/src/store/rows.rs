//! The rows of the gateway as PostgreSQL holds them, not yet checked beyond what the database itself can check.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::FromRow;

/// Everything that is configured, a list for each table, each in the order of its primary key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rows {
    /// Table `gateways`.
    pub gateways: Vec<GatewayRow>,
    /// Table `upstreams`.
    pub upstreams: Vec<UpstreamRow>,
    /// Table `endpoints`.
    pub endpoints: Vec<EndpointRow>,
    /// Table `routes`.
    pub routes: Vec<RouteRow>,
    /// Table `route_upstreams`.
    pub route_upstreams: Vec<RouteUpstreamRow>,
    /// Table `route_policies`.
    pub route_policies: Vec<RoutePolicyRow>,
    /// Table `jwt_providers`.
    pub jwt_providers: Vec<JwtProviderRow>,
    /// Table `consumers`.
    pub consumers: Vec<ConsumerRow>,
    /// Table `api_keys`.
    pub api_keys: Vec<ApiKeyRow>,
}

/// The gateway that a new database has, and that everything belonged to before there were several.
const FIRST_GATEWAY: &str = "ferrox";

impl Default for Rows {
    /// The rows of a new database: one gateway, `ferrox`. A release of before there were gateways has it too.
    fn default() -> Self {
        Self {
            gateways: vec![GatewayRow { name: FIRST_GATEWAY.to_owned(), sharding: no_sharding() }],
            upstreams: Vec::new(),
            endpoints: Vec::new(),
            routes: Vec::new(),
            route_upstreams: Vec::new(),
            route_policies: Vec::new(),
            jwt_providers: Vec::new(),
            consumers: Vec::new(),
            api_keys: Vec::new(),
        }
    }
}

impl Rows {
    /// What identifies this content: SHA-256 of its JSON in hex. Equal rows have equal digests in every replica,
    /// since lists come in the order of their keys and JSON objects are kept sorted.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&self.to_json())
    }

    /// Rows are strings, numbers and JSON: they always serialize.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

pub(super) fn digest(json: &str) -> String {
    Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
}

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

/// Of a release of before there was sharding, and of a new gateway.
fn no_sharding() -> String {
    "none".to_owned()
}

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
    vec![FIRST_GATEWAY.to_owned()]
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

/// Who may issue tokens.
#[derive(Clone, PartialEq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct JwtProviderRow {
    /// Primary key.
    pub name: String,
    /// The `iss` claim.
    pub issuer: String,
    /// Accepted `aud` values.
    pub audiences: Vec<String>,
    /// The keys, which may be symmetric and so secret.
    pub jwks: serde_json::Value,
    /// Seconds.
    pub leeway_seconds: i32,
}

impl fmt::Debug for JwtProviderRow {
    /// Without the keys, which may be secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("JwtProviderRow")
            .field("name", &self.name)
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .field("leeway_seconds", &self.leeway_seconds)
            .finish_non_exhaustive()
    }
}

/// Who holds API keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct ConsumerRow {
    /// Primary key.
    pub name: String,
    /// What the consumer may do.
    pub scopes: Vec<String>,
}

/// A live API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyRow {
    /// SHA-256 of the key, 64 lower-case hex digits.
    pub sha256: String,
    /// Name of the consumer.
    pub consumer: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn provider(jwks: serde_json::Value) -> Rows {
        let row = JwtProviderRow {
            name: "id".to_owned(),
            issuer: "https://id".to_owned(),
            audiences: vec!["api".to_owned()],
            jwks,
            leeway_seconds: 60,
        };
        Rows { jwt_providers: vec![row], ..Rows::default() }
    }

    #[test]
    fn debug_output_holds_no_key() {
        let shown = format!("{:?}", provider(json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]})));
        assert!(shown.contains("https://id") && !shown.contains("c2VjcmV0"), "{shown}");
    }

    #[test]
    fn a_release_of_before_there_were_gateways_is_all_of_the_first() {
        let route = json!({"name": "r", "hosts": ["*"], "path_exact": null, "path_prefix": "/", "methods": [],
            "timeout_ms": 1, "priority": 0});
        let rows: Rows = serde_json::from_value(json!({"routes": [route]})).unwrap();
        assert_eq!(rows.gateways, Rows::default().gateways);
        assert_eq!(rows.routes[0].gateways, ["ferrox"]);
    }

    #[test]
    fn the_digest_depends_on_content_and_not_on_the_order_of_json() {
        let digest = |json: &str| provider(serde_json::from_str(json).unwrap()).digest();
        assert_eq!(digest(r#"{"a":1,"b":2}"#), digest(r#"{"b":2,"a":1}"#));
        assert_ne!(digest(r#"{"a":1}"#), digest(r#"{"a":2}"#));
    }
}
