//! Auth asks nobody: what it decides is the same when nothing is left but Envoy and the upstream.

use ferrox_testbed::{
    gateway::{Gateway, GatewayOptions},
    tokens::Issuer,
    upstream::Upstream,
};
use serde_json::{Value, json};

use super::{Case, claims, now};
use crate::rows;

/// Requests, every one of which Envoy's workers judge for themselves: more than they remember from before.
const ROUNDS: usize = 15;

/// Status, challenges, and what the client was told, or what the upstream was told of the client.
async fn answer(gateway: &Gateway, case: &Case) -> (u16, Vec<String>, Value) {
    let response = case.send(gateway).await;
    let status = response.status().as_u16();
    let challenges = response.headers().get_all("www-authenticate").iter();
    let challenges = challenges.map(|value| value.to_str().unwrap().to_owned()).collect();
    let mut told: Value = response.json().await.unwrap();
    match told["headers"].as_array() {
        Some(headers) => {
            let of_auth = |header: &&Value| header[0].as_str().unwrap().starts_with("x-ferrox-");
            told = headers.iter().filter(of_auth).cloned().collect();
        }
        // Each request has its own.
        None => drop(told.as_object_mut().unwrap().remove("request_id")),
    }
    (status, challenges, told)
}

fn cases(issuers: &[(&str, Issuer)], stranger: &Issuer) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, issuer) in issuers {
        let token = |replaced: Value| {
            let mut claims = claims(name);
            claims.as_object_mut().unwrap().extend(replaced.as_object().unwrap().clone());
            issuer.token(&claims).unwrap()
        };
        let case = |what: &str, reason, token: String| {
            Case::new(&format!("{name} {what}"), "/token", reason).bearer(token)
        };
        cases.push(case("good", None, token(json!({}))));
        cases.push(case("expired", Some("expired"), token(json!({"exp": now() - 3600}))));
        cases.push(case("not yet", Some("not_yet_valid"), token(json!({"nbf": now() + 3600}))));
        cases.push(case("for others", Some("wrong_audience"), token(json!({"aud": "x"}))));
        cases.push(case("poor", Some("missing_scope"), token(json!({"scope": "x"}))));
    }
    let key = |name: &str, path, reason, key: &str| Case::new(name, path, reason).header("x-api-key", key);
    cases.extend([
        Case::new("stranger", "/token", Some("unknown_key")).bearer(stranger.token(&claims("es")).unwrap()),
        Case::new("no token", "/token", Some("malformed")).bearer("a.b.c"),
        Case::new("nothing", "/token", Some("missing")),
        Case::new("open", "/open", None),
        key("acme", "/key", None, "acme-key"),
        key("poor", "/key", Some("missing_scope"), "poor-key"),
        key("guess", "/key", Some("unknown_api_key"), "guess"),
    ]);
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_everything_behind_envoy_changes_no_decision() {
    let upstream = Upstream::start_new("u").unwrap();
    let issuers = [
        ("hs", Issuer::hs256("k").unwrap()),
        ("es", Issuer::es256("k").unwrap()),
        ("ed", Issuer::eddsa("k").unwrap()),
    ];
    let mut rows = rows::upstream(&upstream);
    for name in ["open", "token", "key"] {
        rows += &rows::route(name, "u");
    }
    for (name, issuer) in &issuers {
        rows += &rows::provider(name, &issuer.jwks().unwrap());
    }
    rows += &rows::policy("token", "auth", &json!({"jwt": {}, "scopes": ["read"]}));
    rows += &rows::policy("key", "auth", &json!({"api_key": {}, "scopes": ["read"]}));
    rows += &rows::consumer("acme", "read", "acme-key");
    rows += &rows::consumer("poor", "", "poor-key");
    let options = GatewayOptions { own_postgres: true, ..GatewayOptions::default() };
    let mut gateway = Gateway::start_with(&rows, options).await.unwrap();

    let cases = cases(&issuers, &Issuer::es256("other").unwrap());
    let mut before = Vec::new();
    for case in &cases {
        let answer = answer(&gateway, case).await;
        assert_eq!(answer.0, case.status(), "{}", case.name);
        before.push(answer);
    }
    gateway.control_plane.service().kill().unwrap();
    gateway.postgres().unwrap().service().kill().unwrap();
    gateway.redis.service().kill().unwrap();
    gateway.sidecar.service().kill().unwrap();
    for _ in 0..ROUNDS {
        for (case, before) in cases.iter().zip(&before) {
            assert_eq!(answer(&gateway, case).await, *before, "{}", case.name);
        }
    }
}
