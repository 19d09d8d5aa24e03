//! Issuers that are down, or answer rubbish.

use axum::http::StatusCode;
use ferrox_testbed::{
    gateway::GatewayOptions,
    tokens::Issuer,
    upstream::{Behaviour, Upstream},
    wait::eventually,
};
use serde_json::json;

use super::{Publisher, failed, passes, shown, start, status, token};
use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_keys_stay_while_the_issuer_fails_also_over_a_restart() {
    let (upstream, mut publisher) = (Upstream::start_new("u").unwrap(), Publisher::new());
    let issuer = Issuer::es256("k").unwrap();
    publisher.keys(&[&issuer]);
    let provider = publisher.provider() + "update jwt_providers set jwks_refresh_seconds = 10;";
    let mut gateway = start(&provider, &upstream, GatewayOptions::default()).await;
    let iss = rows::issuer("id");
    passes(&gateway, &issuer, &iss).await;
    let token = token(&issuer, &iss);

    publisher.server.behave(Behaviour::Fail(StatusCode::INTERNAL_SERVER_ERROR));
    failed(&gateway, "/keys: answered 500 instead of 200").await;
    publisher.server.behave(Behaviour::Answer);
    publisher.publish("/keys", "secret rubbish");
    failed(&gateway, "/keys: is no JSON").await;
    publisher.publish("/keys", &json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}).to_string());
    failed(&gateway, "/keys: none of its 1 keys can be used").await;
    publisher.server.close();
    failed(&gateway, "Connection refused").await;
    assert_eq!(status(&gateway, &token).await, 200);
    let metric =
        async |name: &str| gateway.control_plane.metric(&format!("ferrox_xds_{name}")).await.unwrap();
    assert!(metric(r#"jwks_fetches_total{provider="id",outcome="failed"}"#).await >= 4);
    assert_eq!(metric(r#"jwks_fetches_total{provider="id",outcome="changed"}"#).await, 1);
    let log = gateway.control_plane.log_tail(200);
    assert_eq!(log.matches("/keys: cannot be asked: Connection refused").count(), 1, "{log}");
    assert!(!log.contains("rubbish") && !log.contains("c2VjcmV0"), "{log}");

    gateway.control_plane.service().stop().await.unwrap();
    gateway.control_plane.start().await.unwrap();
    eventually("Envoy is connected again", async || {
        !gateway.status().await.unwrap()["nodes"].as_array().unwrap().is_empty()
    })
    .await
    .unwrap();
    assert_eq!(status(&gateway, &token).await, 200);
    // By the rows, and not only since Envoy forgets nothing.
    gateway.sql("update jwt_providers set leeway_seconds = 1").await.unwrap();
    eventually("the change is served", async || {
        gateway.status().await.unwrap()["problems"] == json!([])
            && shown(&gateway).await["fetched_at"].is_u64()
    })
    .await
    .unwrap();
    assert_eq!(status(&gateway, &token).await, 200);

    publisher.keys(&[&issuer]);
    publisher.server.open().unwrap();
    eventually("keys are fetched again", async || shown(&gateway).await["error"].is_null()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn before_any_key_has_come_nobody_passes() {
    let (upstream, publisher) = (Upstream::start_new("u").unwrap(), Publisher::new());
    publisher.server.behave(Behaviour::Fail(StatusCode::NOT_FOUND));
    let issuer = Issuer::es256("k").unwrap();
    publisher.keys(&[&issuer]);
    let gateway = start(&publisher.provider(), &upstream, GatewayOptions::default()).await;
    failed(&gateway, "answered 404").await;
    let iss = rows::issuer("id");
    assert_ne!(status(&gateway, &token(&issuer, &iss)).await, 200);
    publisher.server.behave(Behaviour::Answer);
    passes(&gateway, &issuer, &iss).await;
}
