//! Breakers that a person opens or closes.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};

use super::{FAILING, assert_open, fail};
use crate::{pool::until_in, rows};

#[tokio::test(flavor = "multi_thread")]
async fn a_threshold_of_zero_forces_the_breaker_open() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = Gateway::start(&rows::routed(&upstream, "failures = 5")).await.unwrap();
    gateway.until("/u", 200).await.unwrap();
    gateway.sql("update upstreams set max_requests = 0").await.unwrap();
    gateway.until("/u", 503).await.unwrap();
    let response = gateway.get("/u").await.unwrap();
    assert!(response.headers().contains_key("x-envoy-overloaded"));
    gateway.sql("update upstreams set max_requests = 1024").await.unwrap();
    gateway.until("/u", 200).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_that_is_forced_open_lets_nothing_through_until_it_is_let_go() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = Gateway::start(&rows::routed(&upstream, "force = 'open'")).await.unwrap();
    gateway.until("/u", 503).await.unwrap();
    assert_open(&gateway, &upstream, "/u").await;
    gateway.sql("update upstreams set force = null").await.unwrap();
    gateway.until("/u", 200).await.unwrap();
    gateway.sql("update upstreams set force = 'open'").await.unwrap();
    gateway.until("/u", 503).await.unwrap();
    assert_open(&gateway, &upstream, "/u").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_that_is_forced_closed_never_opens_and_one_that_is_open_closes() {
    let upstream = Upstream::start_new("u").unwrap();
    let columns = "failures = 2, open_for_ms = 60000, probe = '{\"path\": \"/probe\"}'";
    let mut gateway = Gateway::start(&rows::routed(&upstream, columns)).await.unwrap();
    upstream.behave(FAILING);
    fail(&gateway, "/u", 2).await;
    until_in(&mut gateway, "u", 0).await;
    gateway.sql("update upstreams set force = 'closed'").await.unwrap();
    gateway.until("/u", 500).await.unwrap();
    let before = upstream.requests("/u");
    fail(&gateway, "/u", 20).await;
    assert_eq!(upstream.requests("/u"), before + 20);
}
