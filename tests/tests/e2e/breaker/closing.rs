//! How an open breaker closes: by time, or by a probe.

use axum::http::StatusCode;
use ferrox_testbed::{
    gateway::Gateway,
    upstream::{Answer, Behaviour, Upstream},
    wait::eventually,
};

use super::{FAILING, assert_open, fail};
use crate::{pool::until_in, rows};

/// What the probe asks for.
const PROBE: &str = "/probe";

#[tokio::test(flavor = "multi_thread")]
async fn after_its_time_a_breaker_closes_and_counts_from_zero() {
    let flaky = Upstream::start_new("flaky").unwrap();
    let mut gateway =
        Gateway::start(&rows::routed(&flaky, "failures = 3, open_for_ms = 1500")).await.unwrap();
    flaky.behave(FAILING);
    for round in 1..=2_u64 {
        fail(&gateway, "/flaky", 3).await;
        until_in(&mut gateway, "flaky", 0).await;
        assert_open(&gateway, &flaky, "/flaky").await;
        assert_eq!(flaky.requests("/flaky"), 3 * round);
        until_in(&mut gateway, "flaky", 1).await;
    }
    flaky.behave(Behaviour::Answer);
    gateway.until("/flaky", 200).await.unwrap();
}

/// A gateway to an upstream with a probe every 200 ms, whose breaker time would not close within the test.
async fn probed(upstream: &Upstream) -> Gateway {
    let columns = "failures = 3, open_for_ms = 200, probe = '{\"path\": \"/probe\", \"host\": \"probe.test\", \"statuses\": [200, 202]}'";
    Gateway::start(&rows::routed(upstream, columns)).await.unwrap()
}

fn probe_answers(upstream: &Upstream, status: StatusCode) {
    upstream.answer(PROBE, Answer { status, ..Answer::default() });
}

/// Waits for so many more probes.
async fn probes(upstream: &Upstream, more: u64) {
    let before = upstream.requests(PROBE);
    eventually("it is probed", async || upstream.requests(PROBE) >= before + more).await.unwrap();
}

/// Fails until the breaker is open while the probe fails too.
async fn open(gateway: &mut Gateway, upstream: &Upstream) {
    probe_answers(upstream, StatusCode::SERVICE_UNAVAILABLE);
    probes(upstream, 2).await;
    upstream.answer("/u", Answer { status: StatusCode::INTERNAL_SERVER_ERROR, ..Answer::default() });
    fail(gateway, "/u", 3).await;
    until_in(gateway, "u", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_fails_keeps_the_breaker_open_and_one_that_succeeds_closes_it() {
    let upstream = Upstream::start_new("u").unwrap();
    let mut gateway = probed(&upstream).await;
    for _ in 0..2 {
        gateway.until("/u", 200).await.unwrap();
        open(&mut gateway, &upstream).await;
        // Many times as long as the breaker would be open by time.
        probes(&upstream, 10).await;
        assert_open(&gateway, &upstream, "/u").await;

        upstream.answer("/u", Answer::default());
        probe_answers(&upstream, StatusCode::ACCEPTED);
        gateway.until("/u", 200).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_fails_takes_out_no_endpoint_that_serves() {
    let mut upstream = Upstream::start_new("u").unwrap();
    let gateway = probed(&upstream).await;
    gateway.until("/u", 200).await.unwrap();
    for status in [StatusCode::NOT_FOUND, StatusCode::INTERNAL_SERVER_ERROR, StatusCode::SERVICE_UNAVAILABLE]
    {
        probe_answers(&upstream, status);
        probes(&upstream, 3).await;
        assert_eq!(gateway.get("/u").await.unwrap().status(), 200, "while probes get {status}");
    }
    // Nor does a connection that is refused: after it, the first request is served.
    let failures = "cluster.u.health_check.failure";
    let mut gateway = gateway;
    let before = gateway.envoy().unwrap().stat(failures).await.unwrap();
    upstream.close();
    let envoy = gateway.envoy().unwrap();
    eventually("probes are refused", async || envoy.stat(failures).await.unwrap() > before + 2)
        .await
        .unwrap();
    upstream.open().unwrap();
    assert_eq!(gateway.get("/u").await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_endpoint_gets_traffic_after_its_first_probe() {
    let upstream = Upstream::start_new("u").unwrap();
    probe_answers(&upstream, StatusCode::INTERNAL_SERVER_ERROR);
    let gateway = probed(&upstream).await;
    gateway.until("/u", 503).await.unwrap();
    probes(&upstream, 3).await;
    assert_open(&gateway, &upstream, "/u").await;
    probe_answers(&upstream, StatusCode::OK);
    gateway.until("/u", 200).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_carries_the_host_that_it_is_told() {
    let upstream = Upstream::start_new("u").unwrap();
    let _gateway = probed(&upstream).await;
    let host = async || upstream.last().and_then(|last| last.headers.get("host").cloned());
    eventually("it is probed", async || host().await.is_some_and(|host| host == "probe.test")).await.unwrap();
}
