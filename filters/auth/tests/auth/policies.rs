//! What a policy can ask for besides credentials.

use ferrox_host::{Flow, Host};
use ferrox_policy::{
    auth::{FILTER, KeyDigest},
    identity::{CLAIMS_STATE, header},
};
use serde_json::{Value, json};

use crate::{
    gateway::{ACME_KEY, Gateway},
    issuer::{claims, token},
};

fn bearer(replaced: Value) -> String {
    format!("Bearer {}", token("EdDSA", &claims(replaced)))
}

#[test]
fn where_all_are_required_one_is_not_enough() {
    let gateway = Gateway::with_policy(json!({"jwt": {}, "api_key": {}, "require": "all"}));
    let authorization = bearer(json!({}));
    gateway.denied(gateway.request(&[("authorization", &authorization)]), "missing");
    gateway.denied(gateway.request(&[("x-api-key", ACME_KEY)]), "missing");
    let identity =
        gateway.passed(gateway.request(&[("authorization", &authorization), ("x-api-key", ACME_KEY)]));
    assert_eq!((identity.consumer.as_deref(), identity.subject.as_deref()), (Some("acme"), Some("alice")));
}

#[test]
fn where_it_is_optional_nobody_passes_as_nobody_and_a_liar_does_not() {
    let gateway =
        Gateway::with_policy(json!({"jwt": {}, "api_key": {}, "optional": true, "scopes": ["read"]}));
    for headers in [&[][..], &[("x-ferrox-subject", "root"), ("X_Ferrox_Subject", "root")]] {
        assert_eq!(gateway.request(headers), Flow::Continue);
        assert_eq!(gateway.upstream_header(header::SUBJECT), None);
        assert_eq!(gateway.upstream_header("X_Ferrox_Subject"), None);
    }
    assert_eq!(gateway.host.counted("ferrox.auth.anonymous"), 2);
    gateway.denied(gateway.request(&[("x-api-key", "no")]), "unknown_api_key");
    gateway.denied(gateway.request(&[("authorization", "Bearer no")]), "malformed");
    gateway.denied(gateway.request(&[("authorization", &bearer(json!({})))]), "missing_scope");
    gateway.passed(gateway.request(&[("x-api-key", ACME_KEY)]));
}

#[test]
fn the_rules_on_claims_must_hold() {
    let rules = json!([{"claim": "realm.roles", "is": {"contains": "admin"}}]);
    let gateway = Gateway::with_policy(json!({"jwt": {}, "api_key": {}, "claims": rules}));
    let admin = bearer(json!({"realm": {"roles": ["user", "admin"]}}));
    gateway.passed(gateway.request(&[("authorization", &admin)]));
    let user = bearer(json!({"realm": {"roles": ["user"]}}));
    let reply = gateway.denied(gateway.request(&[("authorization", &user)]), "missing_claim");
    assert_eq!(reply.status, 403);
    assert!(reply.headers[0].1.contains(r#"error="insufficient_scope""#), "{reply:?}");
    // A consumer has no claims.
    gateway.denied(gateway.request(&[("x-api-key", ACME_KEY)]), "missing_claim");
}

#[test]
fn a_method_can_need_more() {
    let needs = json!([{"methods": ["POST", "PUT"], "scopes": ["write"], "claims": [{"claim": "mfa", "is": {"equals": true}}]}]);
    let gateway = Gateway::with_policy(json!({"jwt": {}, "scopes": ["read"], "methods": needs}));
    let request = |method: &str, claims: Value| {
        gateway.request(&[(":method", method), ("authorization", &bearer(claims))])
    };
    gateway.passed(request("GET", json!({"scope": "read"})));
    gateway.passed(request("POST", json!({"scope": "read write", "mfa": true})));
    let reply = gateway.denied(request("POST", json!({"scope": "read", "mfa": true})), "missing_scope");
    assert!(reply.headers[0].1.ends_with(r#"scope="read write""#), "{reply:?}");
    gateway.denied(request("PUT", json!({"scope": "read write"})), "missing_claim");
    gateway.denied(request("GET", json!({"scope": "write", "mfa": true})), "missing_scope");
}

#[test]
fn what_would_be_denied_is_only_reported() {
    let gateway = Gateway::with_policy(json!({"api_key": {}, "scopes": ["admin"], "report_only": true}));
    assert_eq!(gateway.request(&[("x-api-key", ACME_KEY)]), Flow::Continue);
    assert_eq!(gateway.upstream_header("x-api-key"), None, "it is the consumer's secret all the same");
    let gateway = Gateway::with_policy(json!({"jwt": {}, "report_only": true}));
    let forged = [("authorization", "Bearer no"), ("x-ferrox-subject", "root")];
    assert_eq!(gateway.request(&forged), Flow::Continue);
    assert_eq!(gateway.upstream_header(header::SUBJECT), None);
    assert_eq!(gateway.host.counted("ferrox.auth.reported.malformed"), 1);
    assert_eq!(gateway.host.filter_state(FILTER).as_deref(), Some(&b"reported malformed"[..]));
    assert_eq!(gateway.host.counted("ferrox.auth.denied.malformed"), 0);
    let identity = gateway.passed(gateway.request(&[("authorization", &bearer(json!({})))]));
    assert_eq!(identity.subject.as_deref(), Some("alice"));
}

#[test]
fn claims_become_headers_that_no_client_can_set() {
    let headers = json!([{"claim": "email", "header": "x-email"}, {"claim": "groups", "header": "x-groups"}]);
    let gateway = Gateway::with_policy(json!({"jwt": {}, "optional": true, "claim_headers": headers}));
    let authorization = bearer(json!({"email": "a@example.com", "groups": ["a", "b"]}));
    let forged = [("x-email", "root@example.com"), ("X_Email", "root@example.com")];
    gateway.passed(gateway.request(&[&[("authorization", authorization.as_str())], &forged[..]].concat()));
    assert_eq!(gateway.upstream_header("x-email").as_deref(), Some("a@example.com"));
    assert_eq!(gateway.upstream_header("x-groups").as_deref(), Some("a,b"));
    assert_eq!(gateway.upstream_header("X_Email"), None);
    for nobody in [
        &[][..],
        &[(":method", "OPTIONS"), ("origin", "https://a"), ("access-control-request-method", "GET")],
    ] {
        assert_eq!(gateway.request(&[nobody, &forged[..]].concat()), Flow::Continue);
        assert_eq!(gateway.upstream_header("x-email"), None);
    }
    let unsafe_value = bearer(json!({"email": "a\r\nx-admin: 1"}));
    gateway.denied(gateway.request(&[("authorization", &unsafe_value)]), "unusable_claim");
}

/// To CGI and its heirs `x-email` and `x_email` are one header, whichever of them the policy names.
#[test]
fn later_filters_see_the_claims_that_the_policy_publishes_and_no_others() {
    let gateway = Gateway::with_policy(json!({"jwt": {}, "api_key": {}, "publish_claims": ["org.id"]}));
    let published = || gateway.host.filter_state(CLAIMS_STATE);
    let with_claim = bearer(json!({"org": {"id": 7, "name": "x"}, "tier": "gold"}));
    gateway.passed(gateway.request(&[("authorization", &with_claim)]));
    assert_eq!(published().as_deref(), Some(&br#"[["org.id",7]]"#[..]));
    gateway.passed(gateway.request(&[("authorization", &bearer(json!({})))]));
    assert_eq!(published(), None);
    let identity = gateway.passed(gateway.request(&[("x-api-key", ACME_KEY)]));
    assert_eq!((published(), identity.api_key), (None, Some(KeyDigest::of(ACME_KEY.as_bytes()).start())));
    let refused = Gateway::with_policy(json!({"jwt": {}, "publish_claims": ["a..b"]}));
    assert_eq!(refused.request(&[]), Flow::Pause);
}

#[test]
fn a_claim_header_with_an_underscore_cannot_be_set_in_its_other_spelling() {
    let headers = json!([{"claim": "email", "header": "x_e-mail"}]);
    let gateway = Gateway::with_policy(json!({"jwt": {}, "optional": true, "claim_headers": headers}));
    let spoofs = ["x_e-mail", "x-e-mail", "x_e_mail", "x-e_mail", "X-E-Mail"];
    assert_eq!(gateway.request(&spoofs.map(|name| (name, "root"))), Flow::Continue);
    assert_eq!(spoofs.map(|name| gateway.upstream_header(name)), [const { None }; 5]);
}

#[test]
fn credentials_come_from_a_query_or_a_cookie_and_go_no_further() {
    let from = |place: Value| json!([place]);
    let gateway = Gateway::with_policy(json!({
        "jwt": {"from": from(json!({"query": "access_token"})), "forward": false},
        "api_key": {"from": from(json!({"cookie": "key"}))},
    }));
    let path = format!("/a?x=1&access_token={}", token("EdDSA", &claims(json!({}))));
    let identity = gateway.passed(gateway.request(&[(":path", &path), ("cookie", "a=b; key=abc")]));
    assert_eq!((identity.consumer.as_deref(), identity.subject.as_deref()), (Some("acme"), Some("alice")));
    assert_eq!(gateway.upstream_header(":path").as_deref(), Some("/a?x=1"));
    assert_eq!(gateway.upstream_header("cookie").as_deref(), Some("a=b"));
    let twice = format!("{path}&access%5Ftoken=x");
    gateway.denied(gateway.request(&[(":path", &twice)]), "several_tokens");

    let in_query = json!({
        "jwt": {"from": from(json!({"query": "access_token"})), "forward": false},
        "api_key": {"from": from(json!({"query": "key"}))},
    });
    let gateway = Gateway::with_policy(in_query);
    gateway.passed(gateway.request(&[(":path", &format!("{path}&key=abc"))]));
    assert_eq!(gateway.upstream_header(":path").as_deref(), Some("/a?x=1"));

    let gateway =
        Gateway::with_policy(json!({"api_key": {"from": from(json!({"query": "key"})), "forward": true}}));
    gateway.passed(gateway.request(&[(":path", "/?key=abc")]));
    assert_eq!(gateway.upstream_header(":path").as_deref(), Some("/?key=abc"));
}

#[test]
fn a_preflight_passes_and_nothing_that_only_looks_like_one() {
    let gateway = Gateway::with_policy(json!({"jwt": {}}));
    let preflight =
        [(":method", "OPTIONS"), ("origin", "https://a"), ("access-control-request-method", "DELETE")];
    assert_eq!(gateway.request(&preflight), Flow::Continue);
    assert_eq!(gateway.host.counted("ferrox.auth.preflights"), 1);
    for (index, other) in [(0, (":method", "GET")), (1, ("x", "y")), (2, ("x", "y"))] {
        let mut request = preflight;
        request[index] = other;
        gateway.denied(gateway.request(&request), "missing");
    }
}

#[test]
fn an_issuer_can_be_held_to_rules() {
    let mut config = crate::gateway::config();
    config["providers"][0]["claims"] = json!([{"claim": "tenant", "is": {"one_of": ["a", "b"]}}]);
    config["providers"][0]["max_lifetime_seconds"] = json!(300);
    let gateway = Gateway::with_config(&config);
    gateway.set_policy(r#"{"jwt":{}}"#);
    let request = |claims: Value| gateway.request(&[("authorization", &bearer(claims))]);
    gateway.passed(request(json!({"tenant": "b"})));
    assert_eq!(gateway.denied(request(json!({"tenant": "c"})), "wrong_claim").status, 401);
    let later = crate::issuer::NOW + 301;
    gateway.denied(request(json!({"tenant": "b", "exp": later})), "lives_too_long");
}

#[test]
fn a_revoked_token_is_refused() {
    let mut config = crate::gateway::config();
    config["revoked"] = json!({"tokens": [{"provider": "main", "jti": "1"}]});
    let gateway = Gateway::with_config(&config);
    gateway.set_policy(r#"{"jwt":{}}"#);
    let reply =
        gateway.denied(gateway.request(&[("authorization", &bearer(json!({"jti": "1"})))]), "revoked");
    assert_eq!(reply.status, 401);
    gateway.passed(gateway.request(&[("authorization", &bearer(json!({"jti": "2"})))]));
}
