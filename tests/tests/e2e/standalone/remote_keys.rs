//! Keys that the filter fetches by itself, one VM of an Envoy for all.

use axum::http::StatusCode;
use ferrox_testbed::{
    tokens::Issuer,
    upstream::{Answer, Behaviour, Upstream},
    wait::eventually,
};
use serde_json::{Value, json};

use super::proxy::{Proxy, in_an_hour};

const ISSUER: &str = "https://idp.example.com";
/// Enough requests, each on its own connection, for both workers to get some.
const REQUESTS: usize = 30;

fn idp(issuer: &Issuer) -> Upstream {
    let upstream = Upstream::start_new("idp").unwrap();
    publish(&upstream, &issuer.jwks().unwrap().to_string());
    upstream
}

fn publish(upstream: &Upstream, keys: &str) {
    upstream.answer("/keys", Answer { body: Some(keys.to_owned().into()), ..Answer::default() });
}

async fn proxy(upstream: &Upstream, more: Value) -> Proxy {
    let mut remote = json!({"cluster": "idp", "uri": format!("{ISSUER}/keys")});
    remote.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let config = json!({
        "providers": [{"name": "idp", "issuer": ISSUER, "audiences": ["api"], "remote_jwks": remote}],
        "policies": {"default": {"jwt": {}}},
    });
    Proxy::start(&config, &[("idp", upstream)]).await
}

fn token(issuer: &Issuer) -> String {
    let claims = json!({"iss": ISSUER, "aud": "api", "sub": "alice", "exp": in_an_hour()});
    issuer.token(&claims).unwrap()
}

async fn all_are(proxy: &Proxy, token: &str, status: u16) -> bool {
    for _ in 0..REQUESTS {
        if proxy.status(token).await != status {
            return false;
        }
    }
    true
}

/// Waits until every VM had several ticks.
async fn ticks_go_by(proxy: &Proxy) {
    let until = proxy.jwks("oldest_seconds").await + 2;
    eventually("time goes by", async || proxy.jwks("oldest_seconds").await >= until).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_workers_have_keys_that_one_fetched() {
    let issuer = Issuer::es256("1").unwrap();
    let upstream = idp(&issuer);
    let proxy = proxy(&upstream, json!({})).await;
    let token = token(&issuer);
    eventually("every worker has keys", async || all_are(&proxy, &token, 200).await).await.unwrap();
    ticks_go_by(&proxy).await;
    assert!(all_are(&proxy, &token, 200).await);
    assert_eq!(
        (upstream.requests("/keys"), proxy.jwks("fetched").await, proxy.jwks("failed").await),
        (1, 1, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_fetched_when_a_token_names_it_and_an_old_one_is_forgotten() {
    let (old, new) = (Issuer::es256("1").unwrap(), Issuer::es256("2").unwrap());
    let upstream = idp(&old);
    let proxy = proxy(&upstream, json!({})).await;
    let (old_token, new_token) = (token(&old), token(&new));
    eventually("every worker has keys", async || all_are(&proxy, &old_token, 200).await).await.unwrap();

    publish(&upstream, &new.jwks().unwrap().to_string());
    assert_eq!(proxy.status(&new_token).await, 401);
    eventually("the new key is known", async || all_are(&proxy, &new_token, 200).await).await.unwrap();
    eventually("the old key is gone", async || all_are(&proxy, &old_token, 401).await).await.unwrap();

    // Tokens of a key that nobody has cost the issuer nothing more.
    let stranger = Issuer::es256("3").unwrap();
    for _ in 0..REQUESTS {
        assert_eq!(proxy.status(&token(&stranger)).await, 401);
    }
    ticks_go_by(&proxy).await;
    assert_eq!(upstream.requests("/keys"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_keys_outlive_an_outage_and_rubbish() {
    let (old, new) = (Issuer::es256("1").unwrap(), Issuer::es256("2").unwrap());
    let mut upstream = idp(&old);
    let proxy = proxy(&upstream, json!({"refresh_seconds": 1})).await;
    let old_token = token(&old);
    eventually("every worker has keys", async || all_are(&proxy, &old_token, 200).await).await.unwrap();
    let failed = async |times: u64| {
        let until = proxy.jwks("failed").await + times;
        eventually("fetches fail", async || proxy.jwks("failed").await >= until).await.unwrap();
    };

    upstream.close();
    failed(2).await;
    assert!(all_are(&proxy, &old_token, 200).await);
    publish(&upstream, "<html>");
    upstream.open().unwrap();
    failed(2).await;
    assert!(all_are(&proxy, &old_token, 200).await);
    let log = proxy.log();
    assert_eq!(log.matches("no keys fetched, the last ones stay in use").count(), 1, "{log}");

    publish(&upstream, &new.jwks().unwrap().to_string());
    eventually("keys are fetched again", async || all_are(&proxy, &token(&new), 200).await).await.unwrap();
    assert_eq!(proxy.status(&old_token).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_passes_before_there_are_keys() {
    let issuer = Issuer::es256("1").unwrap();
    let upstream = idp(&issuer);
    upstream.behave(Behaviour::Fail(StatusCode::INTERNAL_SERVER_ERROR));
    let proxy = proxy(&upstream, json!({})).await;
    eventually("a fetch fails", async || proxy.jwks("failed").await >= 1).await.unwrap();
    let token = token(&issuer);
    let answer = proxy.get("/", "authorization", &format!("Bearer {token}")).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "5");
    assert_eq!(answer.headers()["content-type"], "application/problem+json");

    upstream.behave(Behaviour::Answer);
    eventually("keys are fetched", async || proxy.status(&token).await == 200).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_issuers_discovery_document_leads_to_its_keys() {
    let issuer = Issuer::es256("1").unwrap();
    let upstream = idp(&issuer);
    let path = "/.well-known/openid-configuration";
    let document = |issuer: &str| {
        let document = json!({"issuer": issuer, "jwks_uri": format!("{ISSUER}/keys")});
        upstream.answer(path, Answer { body: Some(document.to_string().into()), ..Answer::default() });
    };
    document("https://evil.example.com");
    let proxy = proxy(&upstream, json!({"uri": format!("{ISSUER}{path}"), "discovery": true})).await;
    eventually("a fetch fails", async || proxy.jwks("failed").await >= 1).await.unwrap();
    assert_eq!(upstream.requests("/keys"), 0);
    document(ISSUER);
    let token = token(&issuer);
    eventually("keys are fetched", async || proxy.status(&token).await == 200).await.unwrap();
    assert_eq!(upstream.requests("/keys"), 1);
}
