//! Parts that die while clients send requests: nobody notices who does not need them.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use ferrox_testbed::{
    gateway::{Gateway, GatewayOptions},
    tokens::Issuer,
    upstream::{Answer, Upstream},
};
use serde_json::json;

use crate::{load::Client, rows};

/// A gateway with every kind of route, and requests to all of them that need no part but Envoy and the upstream.
async fn gateway_and_requests(upstream: &Upstream) -> (Gateway, Vec<reqwest::RequestBuilder>) {
    let issuer = Issuer::es256("k").unwrap();
    let mut rows = rows::upstream(upstream)
        + &rows::provider("es", &issuer.jwks().unwrap())
        + &rows::consumer("acme", "", "acme-key");
    for name in ["public", "token", "key", "limited", "cached"] {
        rows += &rows::route(name, upstream.name());
    }
    rows += &rows::policy("token", "auth", &json!({"jwt": {}}));
    rows += &rows::policy("key", "auth", &json!({"api_key": {}}));
    let limit = json!({"name": "n", "by": "address", "requests": 1_000_000, "window_seconds": 600, "on_store_failure": "allow"});
    rows += &rows::policy("limited", "rate_limit", &json!({ "limits": [limit] }));
    rows += &rows::policy("cached", "cache", &json!({}));
    let gateway =
        Gateway::start_with(&rows, GatewayOptions { own_postgres: true, ..GatewayOptions::default() })
            .await
            .unwrap();
    upstream.answer("/cached", Answer::default().header("cache-control", "max-age=600"));
    let expiry = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 600;
    let claims = json!({"iss": rows::issuer("es"), "aud": "ferrox", "sub": "alice", "exp": expiry});
    let token = format!("Bearer {}", issuer.token(&claims).unwrap());
    let get = |path: &str| gateway.client().get(gateway.url(path));
    let requests = vec![
        get("/public"),
        get("/token").header("authorization", token),
        get("/key").header("x-api-key", "acme-key"),
        get("/limited"),
        get("/cached"),
    ];
    (gateway, requests)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_when_a_part_dies_that_it_does_not_need() {
    let upstream = Upstream::start_new("u").unwrap();
    let (mut gateway, requests) = gateway_and_requests(&upstream).await;
    let client = Client::start(requests);
    client.enough().await;

    gateway.redis.service().kill().unwrap();
    client.enough().await;
    gateway.redis.start().await.unwrap();
    client.enough().await;

    gateway.sidecar.service().kill().unwrap();
    client.enough().await;
    gateway.sidecar.start().await.unwrap();
    client.enough().await;

    gateway.postgres().unwrap().service().kill().unwrap();
    client.enough().await;
    gateway.control_plane.service().kill().unwrap();
    client.enough().await;
    gateway.postgres().unwrap().start().await.unwrap();
    gateway.control_plane.start().await.unwrap();
    client.enough().await;

    // Everything works again: a change goes all the way.
    gateway.sql(&rows::route("new", "u")).await.unwrap();
    gateway.until("/new", 200).await.unwrap();
    assert_eq!(client.finish().await, BTreeMap::new());
}
