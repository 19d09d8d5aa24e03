//! The rows of the gateway as PostgreSQL holds them, not yet checked beyond what the database itself can check.

mod auth;
mod listeners;
mod live;
mod routing;
mod upstreams;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use auth::{ConsumerRow, JwtProviderRow};
pub use listeners::{CertificateRow, ListenerRow};
pub use live::{ApiKeyRow, JwksSetRow, LiveRows, RevocationRow};
pub use routing::{GatewayRow, RouteMirrorRow, RoutePolicyRow, RouteRow, RouteUpstreamRow};
pub use upstreams::{EndpointRow, UpstreamRow};

/// Everything that is configured, a list for each table, each in the order of its primary key; and what is live.
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
    /// Table `route_mirrors`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub route_mirrors: Vec<RouteMirrorRow>,
    /// Table `route_policies`.
    pub route_policies: Vec<RoutePolicyRow>,
    /// Table `jwt_providers`.
    pub jwt_providers: Vec<JwtProviderRow>,
    /// Table `consumers`.
    pub consumers: Vec<ConsumerRow>,
    /// Table `listeners`. Left out when empty, as in a release of before there were any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<ListenerRow>,
    /// Table `certificates`. Left out when empty, as in a release of before there were any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateRow>,
    /// The live tables, which are never written with the others: so no release holds them.
    #[serde(skip_serializing)]
    pub live: LiveRows,
}

impl Default for Rows {
    /// The rows of a new database: one gateway, `ferrox`. A release of before there were gateways has it too.
    fn default() -> Self {
        Self {
            gateways: vec![GatewayRow::first()],
            upstreams: Vec::new(),
            endpoints: Vec::new(),
            routes: Vec::new(),
            route_upstreams: Vec::new(),
            route_mirrors: Vec::new(),
            route_policies: Vec::new(),
            jwt_providers: Vec::new(),
            consumers: Vec::new(),
            listeners: Vec::new(),
            certificates: Vec::new(),
            live: LiveRows::default(),
        }
    }
}

impl Rows {
    /// What identifies this configuration, whatever is live: SHA-256 of its JSON in hex. Equal rows have equal digests in
    /// every replica, since lists come in the order of their keys and JSON objects are kept sorted.
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn provider(jwks: serde_json::Value) -> Rows {
        let row = JwtProviderRow {
            name: "id".to_owned(),
            issuer: "https://id".to_owned(),
            audiences: vec!["api".to_owned()],
            jwks: Some(jwks),
            jwks_uri: None,
            discovery: false,
            jwks_refresh_seconds: 300,
            leeway_seconds: 60,
            algorithms: Vec::new(),
            allow_missing_exp: false,
            max_lifetime_seconds: None,
            claims: json!([]),
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
    fn a_route_that_has_nothing_new_is_written_as_before_so_that_its_release_stays_the_same() {
        let row = crate::model::sample::route("r", "/");
        let json = serde_json::to_value(&row).unwrap();
        let fields: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let before =
            ["gateways", "hosts", "methods", "name", "path_exact", "path_prefix", "priority", "timeout_ms"];
        assert_eq!(fields, before);
        assert!(!Rows::default().to_json().contains("route_mirrors"));
    }

    #[test]
    fn the_digest_depends_on_content_and_not_on_the_order_of_json() {
        let digest = |json: &str| provider(serde_json::from_str(json).unwrap()).digest();
        assert_eq!(digest(r#"{"a":1,"b":2}"#), digest(r#"{"b":2,"a":1}"#));
        assert_ne!(digest(r#"{"a":1}"#), digest(r#"{"a":2}"#));
    }
}
