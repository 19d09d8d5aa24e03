//! What is spoken to endpoints, and how long connections are kept.

use axum::http::Version;
use ferrox_testbed::{gateway::Gateway, upstream::Upstream};

use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn http2_is_spoken_in_clear_text() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = Gateway::start(&rows::routed(&upstream, "protocol = 'http2'")).await.unwrap();
    assert_eq!(gateway.get("/u").await.unwrap().status(), 200);
    assert_eq!(upstream.last().unwrap().version, Version::HTTP_2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_closed_after_its_requests() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = rows::routed(&upstream, "max_requests_per_connection = 1");
    let mut gateway = Gateway::start(&rows).await.unwrap();
    for _ in 0..7 {
        assert_eq!(gateway.get("/u").await.unwrap().status(), 200);
    }
    assert_eq!(upstream.last().unwrap().version, Version::HTTP_11);
    assert_eq!(gateway.envoy().unwrap().stat("cluster.u.upstream_cx_total").await.unwrap(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_connections_are_kept_reaches_envoy() {
    let upstream = Upstream::start_new("u").unwrap();
    let columns = "idle_timeout_ms = 12345, slow_start_ms = 6789,
        tcp_keepalive = '{\"idle_seconds\": 31, \"interval_seconds\": 7, \"probes\": 4}'";
    let gateway = Gateway::start(&rows::routed(&upstream, columns)).await.unwrap();
    assert_eq!(gateway.get("/u").await.unwrap().status(), 200);
    let url = gateway.envoy_url("/config_dump?resource=dynamic_active_clusters").unwrap();
    let dump = gateway.client().get(url).send().await.unwrap().text().await.unwrap();
    for setting in [
        "\"idle_timeout\": \"12.345s\"",
        "\"slow_start_window\": \"6.789s\"",
        "\"keepalive_time\": 31",
        "\"keepalive_interval\": 7",
        "\"keepalive_probes\": 4",
    ] {
        assert!(dump.contains(setting), "{setting} in {dump}");
    }
}
