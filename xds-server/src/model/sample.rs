//! Rows for tests.

use std::sync::LazyLock;

use ferrox_policy::auth::KeyDigest;
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519, date_time_ymd};
use serde_json::{Value, json};

use super::Certificate;
use crate::{
    secrets::{EncryptionKey, Keyring, Secret},
    store::{
        ApiKeyRow, CertificateRow, ConsumerRow, EndpointRow, GatewayRow, JwtProviderRow, ListenerRow,
        RoutePolicyRow, RouteRow, RouteUpstreamRow, Rows, UpstreamRow,
    },
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
        failure_on: vec!["5xx".to_owned(), "no_answer".to_owned()],
        max_out_percent: 100,
        probe: None,
        force: None,
        retry_budget_percent: None,
        retry_budget_min: 3,
        discovery: "static".to_owned(),
        dns_refresh_ms: 5000,
        load_balancing: "round_robin".to_owned(),
        slow_start_ms: None,
        protocol: "http1".to_owned(),
        tls: None,
        idle_timeout_ms: 3_600_000,
        max_requests_per_connection: None,
        tcp_keepalive: None,
        health_check: None,
    }
}

pub(crate) fn endpoint(upstream: &str, address: &str, port: i32) -> EndpointRow {
    EndpointRow {
        upstream: upstream.to_owned(),
        address: address.to_owned(),
        port,
        weight: 1,
        zone: String::new(),
        priority: 0,
    }
}

pub(crate) fn route(name: &str, prefix: &str) -> RouteRow {
    RouteRow {
        name: name.to_owned(),
        hosts: vec!["*".to_owned()],
        path_exact: None,
        path_prefix: Some(prefix.to_owned()),
        path_regex: None,
        path_template: None,
        conditions: None,
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
        jwks: Some(json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "kid": "1", "alg": "EdDSA",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }]})),
        jwks_uri: None,
        discovery: false,
        jwks_refresh_seconds: 300,
        leeway_seconds: 60,
        algorithms: Vec::new(),
        allow_missing_exp: false,
        max_lifetime_seconds: None,
        claims: json!([]),
    }
}

pub(crate) fn consumer(name: &str, scopes: &[&str]) -> ConsumerRow {
    ConsumerRow { name: name.to_owned(), scopes: scopes.iter().map(ToString::to_string).collect() }
}

/// The row of a key that is good for everything.
pub(crate) fn api_key(key: &str, consumer: &str) -> ApiKeyRow {
    ApiKeyRow {
        sha256: KeyDigest::of(key.as_bytes()).to_string(),
        consumer: consumer.to_owned(),
        name: None,
        scopes: None,
        routes: Vec::new(),
        not_before: None,
        expires_at: None,
        disabled: false,
    }
}

/// The keys that [`certificate`] encrypts with.
pub(crate) fn keyring() -> Keyring {
    static KEYRING: LazyLock<Keyring> =
        LazyLock::new(|| EncryptionKey::generate().unwrap().expose().parse().unwrap());
    KEYRING.clone()
}

/// A new certificate for DNS names until 2126, with a new key.
pub(crate) fn certificate(name: &str, dns_names: &[&str]) -> CertificateRow {
    let Pair { chain, key } = Pair::new(dns_names);
    Certificate::new(name, chain, Secret::from(key.into_bytes())).unwrap().to_row(&keyring()).unwrap()
}

/// A certificate and its key in PEM form.
pub(crate) struct Pair {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Pair {
    pub(crate) fn new(dns_names: &[&str]) -> Self {
        Self::of(dns_names, KeyPair::generate().unwrap())
    }

    pub(crate) fn ed25519(dns_names: &[&str]) -> Self {
        Self::of(dns_names, KeyPair::generate_for(&PKCS_ED25519).unwrap())
    }

    fn of(dns_names: &[&str], key: KeyPair) -> Self {
        let names: Vec<_> = dns_names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = date_time_ymd(2126, 1, 31);
        Self { chain: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }
}

/// A listener of clear text with defaults for everything.
pub(crate) fn listener(name: &str, port: i32) -> ListenerRow {
    ListenerRow {
        name: name.to_owned(),
        gateways: vec!["ferrox".to_owned()],
        address: "0.0.0.0".to_owned(),
        port,
        protocol: "http".to_owned(),
        http2: true,
        certificates: Vec::new(),
        default_certificate: None,
        redirect_https_port: None,
        trusted_hops: 0,
        proxy_protocol: false,
        trusted_proxies: Vec::new(),
        idle_timeout_ms: 3_600_000,
        stream_idle_timeout_ms: 300_000,
        request_headers_timeout_ms: 10_000,
        request_timeout_ms: 0,
        max_request_headers_kb: 60,
        max_connections: None,
    }
}

/// A listener of TLS with these certificates.
pub(crate) fn https(name: &str, port: i32, certificates: &[&str]) -> ListenerRow {
    ListenerRow {
        protocol: "https".to_owned(),
        certificates: certificates.iter().map(ToString::to_string).collect(),
        ..listener(name, port)
    }
}

/// Two routes to two upstreams, all in order.
pub(crate) fn sound() -> Rows {
    Rows {
        upstreams: vec![upstream("orders"), upstream("users")],
        endpoints: vec![endpoint("orders", "::1", 8080)],
        routes: vec![route("orders", "/orders"), route("users", "/users")],
        route_upstreams: vec![target("orders", "orders", 1), target("users", "users", 1)],
        ..Rows::default()
    }
}
