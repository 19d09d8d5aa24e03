//! What a request must bring, and what becomes of it.

use ferrox_host::Flow;
use ferrox_policy::{auth::FILTER, identity::header, placement};
use serde_json::json;

use crate::{
    gateway::{ACME_KEY, Gateway, config},
    issuer::{claims, token},
};

fn alice(scopes: &str) -> String {
    format!("Bearer {}", token("EdDSA", &claims(json!({"scope": scopes}))))
}

#[test]
fn a_verified_token_becomes_the_identity() {
    let gateway = Gateway::with_policy(json!({"jwt": {}, "scopes": ["read"]}));
    let authorization = alice("read write");
    let identity = gateway.passed(gateway.request(&[("authorization", &authorization)]));
    assert_eq!((identity.subject.as_deref(), identity.scopes.len()), (Some("alice"), 2));
    assert_eq!(gateway.upstream_header(header::SUBJECT).as_deref(), Some("alice"));
    assert_eq!(gateway.upstream_header(header::ISSUER).as_deref(), Some("https://id.example"));
    assert_eq!(gateway.upstream_header(header::SCOPES).as_deref(), Some("read write"));
    assert_eq!(gateway.upstream_header(header::CONSUMER), None);
    assert_eq!(gateway.upstream_header("authorization"), Some(authorization), "the upstream gets the token");
    assert_eq!(gateway.host.counted("ferrox.auth.allowed"), 1);
}

#[test]
fn a_token_without_subject_and_scopes_sets_no_such_header() {
    let gateway = Gateway::with_policy(json!({"jwt": {}}));
    let token = token("EdDSA", &claims(json!({"sub": null})));
    let identity = gateway.passed(gateway.request_with_token(&token));
    assert_eq!((identity.subject, identity.scopes.len()), (None, 0));
    assert_eq!(gateway.upstream_header(header::SUBJECT), None);
    assert_eq!(gateway.upstream_header(header::SCOPES), None);
}

#[test]
fn an_api_key_becomes_its_consumer_and_goes_no_further() {
    let gateway = Gateway::with_policy(json!({"api_key": {}, "scopes": ["read"]}));
    let identity = gateway.passed(gateway.request(&[("x-api-key", ACME_KEY)]));
    assert_eq!((identity.consumer.as_deref(), identity.issuer), (Some("acme"), None));
    assert_eq!(gateway.upstream_header(header::CONSUMER).as_deref(), Some("acme"));
    assert_eq!(gateway.upstream_header(header::SCOPES).as_deref(), Some("read"));
    assert_eq!(gateway.upstream_header("x-api-key"), None);
}

#[test]
fn the_policy_says_where_the_key_is() {
    let gateway = Gateway::with_policy(json!({"api_key": {"from": [{"header": "x-token"}]}}));
    gateway.denied(gateway.request(&[("x-api-key", ACME_KEY)]), "missing");
    gateway.passed(gateway.request(&[("x-token", ACME_KEY)]));
    assert_eq!(gateway.upstream_header("x-token"), None);
}

#[test]
fn an_unknown_api_key_is_refused() {
    let gateway = Gateway::with_policy(json!({"api_key": {}}));
    for key in ["", "ABC", "abc ", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"] {
        let reply = gateway.denied(gateway.request(&[("x-api-key", key)]), "unknown_api_key");
        assert_eq!(reply.status, 401);
    }
}

#[test]
fn without_credentials_nobody_passes() {
    for policy in [json!({"jwt": {}}), json!({"api_key": {}}), json!({"jwt": {}, "api_key": {}})] {
        let gateway = Gateway::with_policy(policy);
        assert_eq!(gateway.denied(gateway.request(&[]), "missing").status, 401);
        gateway.denied(gateway.request(&[("authorization", "Basic YTpi")]), "missing");
    }
}

#[test]
fn either_kind_is_enough_where_both_are_accepted() {
    let gateway = Gateway::with_policy(json!({"jwt": {}, "api_key": {}}));
    assert_eq!(gateway.passed(gateway.request(&[("x-api-key", ACME_KEY)])).issuer, None);
    assert_eq!(gateway.passed(gateway.request(&[("authorization", &alice(""))])).consumer, None);
}

#[test]
fn who_brings_both_needs_both_in_order_and_has_the_scopes_of_both() {
    let gateway = Gateway::with_policy(json!({"jwt": {}, "api_key": {}, "scopes": ["read", "write"]}));
    let authorization = alice("write");
    let both = [("authorization", authorization.as_str()), ("x-api-key", ACME_KEY)];
    let identity = gateway.passed(gateway.request(&both));
    assert_eq!((identity.consumer.as_deref(), identity.subject.as_deref()), (Some("acme"), Some("alice")));
    assert_eq!(identity.scopes, ["write", "read"]);
    assert_eq!(gateway.upstream_header("x-api-key"), None);

    gateway.denied(
        gateway.request(&[("authorization", &authorization), ("x-api-key", "no")]),
        "unknown_api_key",
    );
    gateway.denied(gateway.request(&[("authorization", "Bearer no"), ("x-api-key", ACME_KEY)]), "malformed");
}

#[test]
fn credentials_that_the_policy_does_not_accept_are_ignored() {
    let gateway = Gateway::with_policy(json!({"api_key": {}}));
    let identity =
        gateway.passed(gateway.request(&[("authorization", "Bearer no"), ("x-api-key", ACME_KEY)]));
    assert_eq!(identity.issuer, None);
    gateway.denied(gateway.request(&[("authorization", &alice(""))]), "missing");

    let gateway = Gateway::with_policy(json!({"jwt": {}}));
    let identity = gateway.passed(gateway.request(&[("authorization", &alice("")), ("x-api-key", "no")]));
    assert_eq!(identity.consumer, None);
    assert_eq!(gateway.upstream_header("x-api-key").as_deref(), Some("no"), "not ours, not touched");
    gateway.denied(gateway.request(&[("x-api-key", ACME_KEY)]), "missing");
}

#[test]
fn several_authorization_headers_are_refused() {
    let gateway = Gateway::with_policy(json!({"jwt": {}, "api_key": {}}));
    let authorization = alice("");
    for other in [&authorization, "Basic YTpi", ""] {
        let reply = gateway.denied(
            gateway.request(&[("authorization", &authorization), ("authorization", other)]),
            "several_tokens",
        );
        assert_eq!(reply.status, 401);
        assert!(reply.headers[0].1.contains(r#"error="invalid_request""#));
    }
    let keys = [("x-api-key", ACME_KEY), ("x-api-key", ACME_KEY)];
    assert_eq!(gateway.denied(gateway.request(&keys), "several_api_keys").status, 401);
}

#[test]
fn bytes_that_are_no_text_are_refused_in_order() {
    let gateway = Gateway::with_policy(json!({"jwt": {}, "api_key": {}}));
    gateway.denied(gateway.request_raw("authorization", b"Bearer \xff\xfe.\x80.\x00"), "malformed");
    gateway.denied(gateway.request_raw("authorization", b"\xff\xfe x"), "missing");
    gateway.denied(gateway.request_raw("x-api-key", b"\xc3\x28"), "unknown_api_key");
    gateway.denied(gateway.request_raw(":path", b"/\xff"), "missing");
    gateway.denied(gateway.request_raw("x-else", b"\xff"), "missing");
}

#[test]
fn a_missing_scope_is_forbidden() {
    let gateway = Gateway::with_policy(json!({"jwt": {}, "api_key": {}, "scopes": ["read", "admin"]}));
    let reply = gateway.denied(gateway.request(&[("x-api-key", ACME_KEY)]), "missing_scope");
    assert_eq!(reply.status, 403);
    assert!(reply.headers[0].1.ends_with(r#"scope="read admin""#));
    gateway.denied(gateway.request(&[("authorization", &alice("read Admin adminx"))]), "missing_scope");
    gateway.passed(gateway.request(&[("authorization", &alice("admin read"))]));
}

/// Every identity header that a client could send, in every spelling that an upstream could take for it.
const SPOOFED: [(&str, &str); 7] = [
    (header::CONSUMER, "root"),
    (header::SUBJECT, "root"),
    (header::SUBJECT, "root2"),
    (header::ISSUER, "root"),
    (header::SCOPES, "admin"),
    ("x_ferrox_consumer", "root"),
    ("x-ferrox_SCOPES", "admin"),
];

fn assert_no_spoofed_header(gateway: &Gateway) {
    for (name, _) in SPOOFED {
        assert_eq!(gateway.upstream_header(name), None, "{name}");
    }
}

#[test]
fn identity_headers_of_a_client_never_pass() {
    let without_policy = Gateway::with_config(&config());
    assert_eq!(without_policy.request(&SPOOFED), Flow::Continue);
    assert_no_spoofed_header(&without_policy);

    let gateway = Gateway::with_policy(json!({"api_key": {}}));
    gateway.passed(gateway.request(&[&SPOOFED[..], &[("x-api-key", ACME_KEY)]].concat()));
    assert_eq!(gateway.upstream_header(header::CONSUMER).as_deref(), Some("acme"));
    assert_eq!(gateway.upstream_header(header::SCOPES).as_deref(), Some("read"));
    for name in [header::SUBJECT, header::ISSUER, "x_ferrox_consumer", "x-ferrox_SCOPES"] {
        assert_eq!(gateway.upstream_header(name), None, "{name}");
    }

    gateway.denied(gateway.request(&SPOOFED), "missing");
    assert_no_spoofed_header(&gateway);
}

#[test]
fn a_route_without_a_policy_lets_all_pass_without_an_identity() {
    let gateway = Gateway::with_config(&config());
    assert_eq!(gateway.request(&[("authorization", "Bearer no"), ("x-api-key", "no")]), Flow::Continue);
    assert_eq!(gateway.upstream_header("x-api-key").as_deref(), Some("no"));
    assert_eq!(gateway.host.counted("ferrox.auth.allowed"), 0);
}

#[test]
fn a_policy_that_cannot_be_read_lets_nobody_pass() {
    for broken in ["", "{", "{}", r#"{"jwt":{},"scops":["admin"]}"#, r#"{"jwt":{},"scopes":["a b"]}"#] {
        let gateway = Gateway::with_config(&config());
        gateway.set_policy(broken);
        for _ in 0..2 {
            assert_eq!(
                gateway.request(&[("authorization", &alice("")), ("x-api-key", ACME_KEY)]),
                Flow::Pause
            );
            assert_eq!(gateway.host.replied().unwrap().status, 503, "{broken}");
        }
        assert_eq!(gateway.host.counted("ferrox.auth.broken_policy"), 2);
        assert!(gateway.host.logged()[0].starts_with("the route's policy is broken"));
    }
    // A digest, but no policy.
    let gateway = Gateway::with_config(&config());
    gateway.host.set_route_metadata(FILTER, &[(placement::DIGEST, "1")]);
    assert_eq!(gateway.request(&[]), Flow::Pause);
}

#[test]
fn standalone_policies_hold_by_host_and_path_and_route_metadata_wins() {
    let mut config = config();
    config["policies"] = json!({
        "routes": [
            {"match": {"path_prefix": "/open"}, "policy": null},
            {"match": {"host": "keys.example"}, "policy": {"api_key": {}}},
        ],
        "default": {"jwt": {}},
    });
    let gateway = Gateway::with_config(&config);
    let request = |host: &str, path: &str| {
        gateway.host.next_stream(&[(":authority", host), (":path", path), ("x-api-key", ACME_KEY)]);
        gateway.go()
    };
    assert_eq!(request("api.example", "/open/x"), Flow::Continue);
    gateway.passed(request("keys.example:8080", "/x"));
    gateway.denied(request("api.example", "/x"), "missing");

    gateway.set_policy(r#"{"api_key":{},"scopes":["admin"]}"#);
    gateway.denied(request("api.example", "/open/x"), "missing_scope");
}
