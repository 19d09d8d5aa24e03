use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use serde_json::{Value, json};

use super::{parsed, problem};
use crate::model::{Balancing, HttpVersion};

#[test]
fn what_is_unknown_is_refused_by_its_field() {
    assert_eq!(
        problem(|row| row.load_balancing = "fair".to_owned()),
        "load_balancing: 'fair' must be round_robin, least_request, random, ring_hash or maglev"
    );
    assert_eq!(
        problem(|row| row.protocol = "http3".to_owned()),
        "protocol: 'http3' must be http1, http2 or auto"
    );
    assert_eq!(
        problem(|row| row.discovery = "dns".to_owned()),
        "discovery: 'dns' must be static, strict_dns or logical_dns"
    );
    assert_eq!(problem(|row| row.dns_refresh_ms = 999), "dns_refresh_ms: 999 must be 1000 to 3600000");
    assert_eq!(problem(|row| row.idle_timeout_ms = 0), "idle_timeout_ms: 0 must be 1 to 86400000");
    assert!(
        problem(|row| row.max_requests_per_connection = Some(0))
            .starts_with("max_requests_per_connection: 0")
    );
}

#[test]
fn a_slow_start_needs_a_balancer_that_has_one() {
    let slow = |balancing: &str| {
        parsed(|row| {
            row.load_balancing = balancing.to_owned();
            row.slow_start_ms = Some(1000);
        })
        .balancing
    };
    assert!(matches!(slow("round_robin"), Balancing::RoundRobin(Some(_))));
    assert!(matches!(slow("least_request"), Balancing::LeastRequest(Some(_))));
    for balancing in ["random", "ring_hash", "maglev"] {
        let problem = problem(|row| {
            row.load_balancing = balancing.to_owned();
            row.slow_start_ms = Some(1000);
        });
        assert_eq!(
            problem,
            format!("slow_start_ms: goes with round_robin and least_request, not with {balancing}")
        );
    }
    assert_eq!(problem(|row| row.slow_start_ms = Some(0)), "slow_start_ms: 0 must be 1 to 3600000");
}

#[test]
fn keepalive_has_the_bounds_of_the_kernel() {
    let problem = |json: Value| problem(|row| row.tcp_keepalive = Some(json));
    assert_eq!(problem(json!({"idle_seconds": 0})), "tcp_keepalive.idle_seconds: must be 1 to 32767");
    assert_eq!(
        problem(json!({"interval_seconds": 40000})),
        "tcp_keepalive.interval_seconds: must be 1 to 32767"
    );
    assert_eq!(problem(json!({"probes": 128})), "tcp_keepalive.probes: must be 1 to 127");
    let keepalive = parsed(|row| row.tcp_keepalive = Some(json!({}))).connections.keepalive.unwrap();
    assert_eq!((keepalive.idle_seconds, keepalive.interval_seconds, keepalive.probes), (60, 10, 3));
}

fn authority() -> (String, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn tls_that_makes_no_sense_is_refused_and_its_text_is_not_shown() {
    let (certificate, key) = authority();
    let problem = |json: Value| problem(|row| row.tls = Some(json));
    let ca = |ca: &str| problem(json!({"sni": "a.test", "ca": ca}));
    assert!(problem(json!({})).starts_with("tls: missing field `sni`"));
    for sni in ["", "10.0.0.1", "a b", "::1"] {
        assert_eq!(problem(json!({ "sni": sni })), "tls.sni: must be a DNS name");
    }
    assert_eq!(ca("nothing"), "tls.ca: holds no certificate in PEM form");
    assert_eq!(ca(&certificate.replace("END", "EMD")), "tls.ca: is no well-formed PEM");
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(ca(garbage).starts_with("tls.ca: holds a certificate that cannot be parsed"));
    let with_key = ca(&(certificate.clone() + &key));
    assert_eq!(with_key, "tls.ca: must hold certificates only");
    let encrypted = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    assert_eq!(ca(&(certificate.clone() + &encrypted)), "tls.ca: must hold certificates only");
    assert!(
        problem(json!({"sni": "a.test", "ca": certificate, "verify": false}))
            .starts_with("tls.ca: means nothing")
    );
    let tls = json!({"sni": "a.test", "ca": certificate.clone() + &authority().0});
    assert!(parsed(|row| row.tls = Some(tls)).tls.unwrap().verify);
}

#[test]
fn a_protocol_that_tls_agrees_on_needs_tls() {
    assert_eq!(
        problem(|row| row.protocol = "auto".to_owned()),
        "protocol: auto is what TLS agrees on and needs tls"
    );
    let upstream = parsed(|row| {
        row.protocol = "auto".to_owned();
        row.tls = Some(json!({"sni": "a.test"}));
    });
    assert_eq!(upstream.connections.protocol, HttpVersion::Auto);
}

#[test]
fn a_health_check_that_makes_no_sense_is_refused_by_its_field() {
    let problem_of = |json: Value| problem(|row| row.health_check = Some(json));
    let one = "health_check: exactly one of http, grpc and tcp must be set";
    assert_eq!(problem_of(json!({})), one);
    assert_eq!(problem_of(json!({"tcp": {}, "http": {"path": "/"}})), one);
    assert!(problem_of(json!({"http": {"path": "x"}})).starts_with("health_check.http.path: "));
    assert_eq!(
        problem_of(json!({"tcp": {}, "interval_ms": 99})),
        "health_check.interval_ms: must be 100 to 3600000"
    );
    assert_eq!(
        problem_of(json!({"tcp": {}, "timeout_ms": 10001})),
        "health_check.timeout_ms: must be 1 to 10000"
    );
    assert!(
        problem_of(json!({"tcp": {}, "healthy_threshold": 0}))
            .starts_with("health_check.healthy_threshold: ")
    );
    assert!(problem_of(json!({"tcp": {"send": "x"}})).contains("unknown field `send`"));
    assert_eq!(problem_of(json!({"grpc": {}})), "health_check.grpc: needs the protocol http2");
    let both = problem(|row| {
        row.health_check = Some(json!({"tcp": {}}));
        row.probe = Some(json!({"path": "/"}));
    });
    assert!(both.starts_with("health_check: cannot stand beside a probe"), "{both}");
}

#[test]
fn an_upstream_is_shown_a_certificate_that_is_there() {
    let tls = json!({"sni": "a.test", "client_certificate": "nobody"});
    assert_eq!(
        problem(|row| row.tls = Some(tls)),
        "tls.client_certificate: there is no certificate 'nobody'"
    );
}
