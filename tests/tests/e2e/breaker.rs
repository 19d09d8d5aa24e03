//! Breakers: open after exactly so many failures, fail fast, and let traffic through again.

use axum::http::StatusCode;
use ferrox_testbed::{
    gateway::Gateway,
    upstream::{Behaviour, Upstream},
    wait::eventually,
};

use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_opens_after_exactly_n_failures_fails_fast_and_closes_again() {
    let (flaky, healthy) = (Upstream::start_new("flaky").unwrap(), Upstream::start_new("healthy").unwrap());
    let rows = [
        rows::upstream(&flaky),
        rows::upstream(&healthy),
        rows::route("flaky", "flaky"),
        rows::route("healthy", "healthy"),
        "update upstreams set failures = 3, open_for_ms = 1500 where name = 'flaky';".to_owned(),
    ];
    let mut gateway = Gateway::start(&rows.concat()).await.unwrap();
    flaky.behave(Behaviour::Fail(StatusCode::INTERNAL_SERVER_ERROR));
    // It opens, closes by itself, and opens again as it did before.
    for round in 1..=2_u64 {
        for _ in 0..3 {
            assert_eq!(gateway.get("/flaky").await.unwrap().status(), 500);
        }
        // Envoy's main thread tells the workers.
        eventually("the breaker is open", async || {
            gateway.envoy().unwrap().stat("cluster.flaky.membership_healthy").await.unwrap() == 0
        })
        .await
        .unwrap();
        for _ in 0..20 {
            let response = gateway.get("/flaky").await.unwrap();
            assert_eq!(response.status(), 503);
            assert_eq!(response.text().await.unwrap(), "no healthy upstream");
            assert_eq!(gateway.get("/healthy").await.unwrap().status(), 200);
        }
        assert_eq!(flaky.requests("/flaky"), 3 * round, "nothing reaches it while the breaker is open");
        eventually("the breaker is closed", async || {
            gateway.envoy().unwrap().stat("cluster.flaky.membership_healthy").await.unwrap() == 1
        })
        .await
        .unwrap();
    }
    flaky.behave(Behaviour::Answer);
    gateway.until("/flaky", 200).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_refuses_connections_opens_its_breaker_too() {
    let mut dead = Upstream::start_new("dead").unwrap();
    let rows = rows::upstream(&dead)
        + &rows::route("dead", "dead")
        + "update upstreams set failures = 2, open_for_ms = 60000 where name = 'dead';";
    let mut gateway = Gateway::start(&rows).await.unwrap();
    dead.close();
    for _ in 0..2 {
        assert_eq!(gateway.get("/dead").await.unwrap().status(), 503);
    }
    eventually("the breaker is open", async || {
        gateway.envoy().unwrap().stat("cluster.dead.membership_healthy").await.unwrap() == 0
    })
    .await
    .unwrap();
    assert_eq!(gateway.get("/dead").await.unwrap().text().await.unwrap(), "no healthy upstream");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_threshold_of_zero_forces_the_breaker_open() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = rows::upstream(&upstream) + &rows::route("u", "u");
    let gateway = Gateway::start(&rows).await.unwrap();
    gateway.until("/u", 200).await.unwrap();
    gateway.sql("update upstreams set max_requests = 0").await.unwrap();
    gateway.until("/u", 503).await.unwrap();
    let response = gateway.get("/u").await.unwrap();
    assert!(response.headers().contains_key("x-envoy-overloaded"));
    gateway.sql("update upstreams set max_requests = 1024").await.unwrap();
    gateway.until("/u", 200).await.unwrap();
}
