//! Rows for tests.

use serde_json::{Value, json};

use crate::store::{
    EndpointRow, GatewayRow, JwtProviderRow, RoutePolicyRow, RouteRow, RouteUpstreamRow, Rows, UpstreamRow,
};

pub(crate) fn upstream(name: &str) -> UpstreamRow {
    UpstreamRow {
        name: name.to_owned(),
        connect_timeout_ms: 1000,
        failures: 5,
        open_for_ms: 30_000,
        max_connections: 1024,
        max_pending_requests: 1024,
        max_requests: 1024,
        max_retries: 3,
    }
}

pub(crate) fn route(name: &str, prefix: &str) -> RouteRow {
    RouteRow {
        name: name.to_owned(),
        hosts: vec!["*".to_owned()],
        path_exact: None,
        path_prefix: Some(prefix.to_owned()),
        methods: Vec::new(),
        timeout_ms: 15_000,
        priority: 0,
        gateways: vec!["ferrox".to_owned()],
        enabled: true,
        maintenance: None,
        redirect: None,
        response: None,
        rewrite: None,
        idle_timeout_ms: None,
        max_stream_duration_ms: None,
        retry: None,
        request_headers: None,
        response_headers: None,
        cors: None,
        compression: None,
        max_request_bytes: None,
        upgrades: Vec::new(),
        hash_on: None,
    }
}

pub(crate) fn gateway(name: &str, sharding: &str) -> GatewayRow {
    GatewayRow { name: name.to_owned(), sharding: sharding.to_owned() }
}

pub(crate) fn target(route: &str, upstream: &str, weight: i32) -> RouteUpstreamRow {
    RouteUpstreamRow { route: route.to_owned(), upstream: upstream.to_owned(), weight }
}

pub(crate) fn policy(route: &str, kind: &str, policy: Value) -> RoutePolicyRow {
    RoutePolicyRow { route: route.to_owned(), kind: kind.to_owned(), policy }
}

pub(crate) fn provider(name: &str, issuer: &str) -> JwtProviderRow {
    JwtProviderRow {
        name: name.to_owned(),
        issuer: issuer.to_owned(),
        audiences: vec!["api".to_owned()],
        jwks: json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "kid": "1", "alg": "EdDSA",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }]}),
        leeway_seconds: 60,
        algorithms: Vec::new(),
        allow_missing_exp: false,
        max_lifetime_seconds: None,
        claims: json!([]),
    }
}

/// Two routes to two upstreams, all in order.
pub(crate) fn sound() -> Rows {
    Rows {
        upstreams: vec![upstream("orders"), upstream("users")],
        endpoints: vec![EndpointRow { upstream: "orders".to_owned(), address: "::1".to_owned(), port: 8080 }],
        routes: vec![route("orders", "/orders"), route("users", "/users")],
        route_upstreams: vec![target("orders", "orders", 1), target("users", "users", 1)],
        ..Rows::default()
    }
}
