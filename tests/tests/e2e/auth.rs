//! Who may pass.

use std::time::{SystemTime, UNIX_EPOCH};

use ferrox_testbed::{gateway::Gateway, tokens::Issuer, upstream::Upstream};
use reqwest::Response;
use serde_json::{Value, json};

use crate::rows;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn claims(provider: &str) -> Value {
    json!({"iss": rows::issuer(provider), "aud": "ferrox", "sub": "alice", "exp": now() + 600, "scope": "read"})
}

async fn get(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = gateway.client().get(gateway.url(path));
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

async fn bearer(gateway: &Gateway, path: &str, token: &str) -> Response {
    get(gateway, path, &[("authorization", &format!("Bearer {token}"))]).await
}

fn challenge(response: &Response) -> &str {
    response.headers()["www-authenticate"].to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_judged_by_signature_time_audience_issuer_and_scope() {
    let upstream = Upstream::start_new("u").unwrap();
    let issuers = [
        ("hs", Issuer::hs256("k").unwrap()),
        ("es", Issuer::es256("k").unwrap()),
        ("ed", Issuer::eddsa("k").unwrap()),
    ];
    let mut rows = rows::upstream(&upstream) + &rows::route("in", "u") + &rows::route("admin", "u");
    for (name, issuer) in &issuers {
        rows += &rows::provider(name, &issuer.jwks().unwrap());
    }
    rows += &rows::policy("in", "auth", &json!({"jwt": {}}));
    rows += &rows::policy("admin", "auth", &json!({"jwt": {"providers": ["hs"]}, "scopes": ["admin"]}));
    let gateway = Gateway::start(&rows).await.unwrap();

    for (name, issuer) in &issuers {
        let response = bearer(&gateway, "/in", &issuer.token(&claims(name)).unwrap()).await;
        assert_eq!(response.status(), 200, "{name}");
        let seen = upstream.last().unwrap().headers;
        assert_eq!(
            (&seen["x-ferrox-subject"], &seen["x-ferrox-scopes"]),
            (&"alice".parse().unwrap(), &"read".parse().unwrap())
        );
    }
    let (_, hs) = &issuers[0];
    let with = |name: &str, value: Value| {
        let mut claims = claims("hs");
        claims[name] = value;
        hs.token(&claims).unwrap()
    };
    let missing = get(&gateway, "/in", &[]).await;
    assert_eq!((missing.status().as_u16(), challenge(&missing)), (401, r#"Bearer realm="ferrox""#));
    let expired = bearer(&gateway, "/in", &with("exp", json!(now() - 3600))).await;
    assert_eq!(expired.status(), 401);
    assert!(challenge(&expired).contains(r#"error="invalid_token""#));
    for token in [
        with("nbf", json!(now() + 3600)),
        with("aud", json!("others")),
        with("iss", json!("https://evil.test")),
        Issuer::hs256("k").unwrap().token(&claims("hs")).unwrap(),
        issuers[1].1.token(&claims("hs")).unwrap(),
        "not.a.token".to_owned(),
    ] {
        assert_eq!(bearer(&gateway, "/in", &token).await.status(), 401, "{token}");
    }
    let poor = bearer(&gateway, "/admin", &hs.token(&claims("hs")).unwrap()).await;
    assert_eq!(poor.status(), 403);
    assert!(challenge(&poor).contains("insufficient_scope"));
    assert_eq!(bearer(&gateway, "/admin", &with("scope", json!("admin"))).await.status(), 200);
    let other = issuers[1].1.token(&{
        let mut claims = claims("es");
        claims["scope"] = json!("admin");
        claims
    });
    assert_eq!(
        bearer(&gateway, "/admin", &other.unwrap()).await.status(),
        401,
        "a provider that the route does not name"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_opens_its_routes_is_not_passed_on_and_can_be_revoked() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [
        rows::upstream(&upstream),
        rows::route("partners", "u"),
        rows::policy("partners", "auth", &json!({"api_key": {}, "scopes": ["orders"]})),
        rows::consumer("acme", "orders", "acme-key"),
        rows::consumer("poor", "", "poor-key"),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    let with = async |key: &str| get(&gateway, "/partners", &[("x-api-key", key)]).await.status().as_u16();
    assert_eq!(with("acme-key").await, 200);
    let seen = upstream.last().unwrap().headers;
    assert_eq!((seen["x-ferrox-consumer"].as_bytes(), seen.get("x-api-key")), (&b"acme"[..], None));
    assert_eq!((with("poor-key").await, with("guess").await), (403, 401));
    assert_eq!(get(&gateway, "/partners", &[]).await.status(), 401);
    let twice = get(&gateway, "/partners", &[("x-api-key", "acme-key"), ("x-api-key", "acme-key")]).await;
    assert_eq!(twice.status(), 401);

    // A second key lives beside the first, then the first is revoked. No listener drains for it.
    gateway.sql("insert into api_keys (sha256, consumer) values (sha256('new-key'), 'acme')").await.unwrap();
    let is_live = async |key: &str, status: u16| {
        ferrox_testbed::wait::eventually("the key is live", async || with(key).await == status)
            .await
            .unwrap();
    };
    is_live("new-key", 200).await;
    gateway.sql("delete from api_keys where sha256 = sha256('acme-key')").await.unwrap();
    is_live("acme-key", 401).await;
    assert_eq!(with("new-key").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_bring_an_identity_of_their_own() {
    let upstream = Upstream::start_new("u").unwrap();
    let issuer = Issuer::hs256("k").unwrap();
    let rows = [
        rows::upstream(&upstream),
        rows::route("open", "u"),
        rows::route("in", "u"),
        rows::provider("hs", &issuer.jwks().unwrap()),
        rows::policy("in", "auth", &json!({"jwt": {}})),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    let spoofed =
        ["x-ferrox-consumer", "x-ferrox-subject", "x-ferrox-issuer", "x-ferrox-scopes", "X-Ferrox-Consumer"];
    let authorization = format!("Bearer {}", issuer.token(&claims("hs")).unwrap());
    for path in ["/open", "/in"] {
        let mut headers: Vec<_> = spoofed.iter().map(|name| (*name, "root")).collect();
        headers.push(("authorization", &authorization));
        assert_eq!(get(&gateway, path, &headers).await.status(), 200);
        let seen = upstream.last().unwrap().headers;
        let spoofs: Vec<_> = seen.iter().filter(|(_, value)| *value == "root").collect();
        assert!(spoofs.is_empty(), "{path}: {spoofs:?}");
    }
}
