//! Health checks take endpoints out and in, with no traffic to tell by.

use axum::http::StatusCode;
use ferrox_testbed::{
    gateway::Gateway,
    grpc::GrpcService,
    upstream::{Answer, Behaviour, Upstream},
    wait::eventually,
};

use crate::{pool::until_in, rows};

/// A health check every 100 ms.
fn checked(kind: &str) -> String {
    format!(
        "health_check = '{{{kind}, \"interval_ms\": 100, \"healthy_threshold\": 2, \"unhealthy_threshold\": 2}}'"
    )
}

const HTTP: &str = r#""http": {"path": "/health", "host": "health.test", "statuses": [200, 202]}"#;

fn health_answers(upstream: &Upstream, status: StatusCode) {
    upstream.answer("/health", Answer { status, ..Answer::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_by_http_takes_an_endpoint_out_and_in() {
    let upstream = Upstream::start_new("u").unwrap();
    for protocol in ["http1", "http2"] {
        health_answers(&upstream, StatusCode::OK);
        let columns = checked(HTTP) + &format!(", protocol = '{protocol}'");
        let mut gateway = Gateway::start(&rows::routed(&upstream, &columns)).await.unwrap();
        gateway.until("/u", 200).await.unwrap();
        health_answers(&upstream, StatusCode::NOT_FOUND);
        until_in(&mut gateway, "u", 0).await;
        assert_eq!(gateway.get("/u").await.unwrap().status(), 503);
        health_answers(&upstream, StatusCode::ACCEPTED);
        until_in(&mut gateway, "u", 1).await;
        gateway.until("/u", 200).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_by_tcp_takes_an_endpoint_out_and_in() {
    let mut upstream = Upstream::start_new("u").unwrap();
    let mut gateway = Gateway::start(&rows::routed(&upstream, &checked("\"tcp\": {}"))).await.unwrap();
    until_in(&mut gateway, "u", 1).await;
    upstream.close();
    until_in(&mut gateway, "u", 0).await;
    upstream.open().unwrap();
    until_in(&mut gateway, "u", 1).await;
    gateway.until("/u", 200).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_by_grpc_takes_an_endpoint_out_and_in() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = GrpcService::start_in(folder.path(), "service").await.unwrap();
    let rows = "insert into upstreams (name, protocol) values ('u', 'http2');".to_owned()
        + &rows::endpoint("u", service.port())
        + &rows::route("u", "u")
        + &format!("update upstreams set {};", checked("\"grpc\": {\"service\": \"s\"}"));
    let mut gateway = Gateway::start(&rows).await.unwrap();
    until_in(&mut gateway, "u", 1).await;
    service.kill().unwrap();
    until_in(&mut gateway, "u", 0).await;
    service.start().await.unwrap();
    until_in(&mut gateway, "u", 1).await;
    // A service that is no gRPC fails the check.
    let other = Upstream::start_new("other").unwrap();
    gateway.sql(&rows::endpoint("u", other.port())).await.unwrap();
    eventually("the other is checked", async || other.requests("/grpc.health.v1.Health/Check") > 3)
        .await
        .unwrap();
    until_in(&mut gateway, "u", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_succeeds_does_not_close_a_breaker_that_traffic_has_opened() {
    let upstream = Upstream::start_new("u").unwrap();
    let columns = checked(HTTP) + ", failures = 2, open_for_ms = 3600000";
    let mut gateway = Gateway::start(&rows::routed(&upstream, &columns)).await.unwrap();
    gateway.until("/u", 200).await.unwrap();
    upstream.answer("/u", Answer { status: StatusCode::INTERNAL_SERVER_ERROR, ..Answer::default() });
    for _ in 0..2 {
        assert_eq!(gateway.get("/u").await.unwrap().status(), 500);
    }
    until_in(&mut gateway, "u", 0).await;
    let before = upstream.requests("/health");
    eventually("it is checked", async || upstream.requests("/health") > before + 10).await.unwrap();
    assert_eq!(gateway.get("/u").await.unwrap().text().await.unwrap(), "no healthy upstream");
    assert_eq!(upstream.requests("/u"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_answers_no_check_keeps_no_other_waiting() {
    let (silent, other) = (Upstream::start_new("silent").unwrap(), Upstream::start_new("other").unwrap());
    silent.behave(Behaviour::Slow(std::time::Duration::from_secs(3600)));
    let rows = rows::routed(&silent, &checked(HTTP)) + &rows::routed(&other, "failures = 5");
    let gateway = Gateway::start(&rows).await.unwrap();
    assert_eq!(gateway.get("/other").await.unwrap().status(), 200);
    assert_eq!(gateway.get("/silent").await.unwrap().status(), 503);
    gateway.sql(&rows::route("new", "other")).await.unwrap();
    gateway.until("/new", 200).await.unwrap();
}
