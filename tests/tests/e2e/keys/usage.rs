//! How much keys are used.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream, wait::eventually};
use serde_json::{Value, json};

use super::{create, gateway, list, status, until};

/// A report as an Envoy sends it; returns the status of the answer.
async fn report(gateway: &Gateway, body: String) -> u16 {
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let url = format!("http://127.0.0.1:{}/ferrox/v1/key-usage", gateway.control_plane.xds_port());
    client.post(url).body(body).send().await.unwrap().status().as_u16()
}

fn of(sha256: &Value, requests: u64) -> Value {
    json!({"sha256": sha256, "requests": requests, "last_used": 1_700_000_000})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_envoys_report_is_added_up_in_the_table() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(&upstream).await;
    let key = create(&gateway, &[]).await;
    until(&gateway, "/orders", &key, 200).await;
    gateway.sql("update api_keys set disabled = true").await.unwrap();
    until(&gateway, "/orders", &key, 401).await;
    let sha256 = list(&gateway).await[0]["sha256"].clone();
    let before = list(&gateway).await[0]["requests"].as_u64().unwrap();
    let body = json!({"keys": [of(&sha256, 1_000_000), of(&json!("ab".repeat(32)), 7)]}).to_string();
    for _ in 0..2 {
        assert_eq!(report(&gateway, body.clone()).await, 204);
    }
    eventually("the use is written", async || {
        let key = list(&gateway).await.remove(0);
        key["requests"].as_u64().unwrap() >= before + 2_000_000 && key["last_used_at"].is_string()
    })
    .await
    .unwrap();
    let metric =
        async |name: &str| gateway.control_plane.metric(&format!("ferrox_xds_{name}")).await.unwrap();
    assert!(metric("key_usage_reports_received_total").await >= 2);
    assert!(metric("key_usage_rows_written_total").await >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_that_passes_with_a_key_is_counted_and_no_other() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(&upstream).await;
    let (used, unused) = (create(&gateway, &[]).await, create(&gateway, &["--scope", "write"]).await);
    // What passes is counted, so nothing may pass uncounted while it is waited for.
    until(&gateway, "/users", &unused, 200).await;
    until(&gateway, "/orders", &used, 200).await;
    for _ in 0..9 {
        assert_eq!(status(&gateway, "/orders", &used).await, 200);
        assert_eq!(status(&gateway, "/orders", &unused).await, 403);
    }
    let counts = async || {
        let keys = list(&gateway).await;
        let mut counts: Vec<_> = keys.iter().map(|key| key["requests"].as_u64().unwrap()).collect();
        counts.sort_unstable();
        counts
    };
    let mut seen = Vec::new();
    eventually("all uses are written", async || {
        seen = counts().await;
        seen == [1, 10]
    })
    .await
    .unwrap_or_else(|error| panic!("{error}: {seen:?}"));
    assert!(list(&gateway).await.iter().all(|key| key["last_used_at"].is_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_makes_no_sense_is_refused_and_counted() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(&upstream).await;
    let many = vec![of(&json!("ab".repeat(32)), 1); 1_001];
    for (body, status) in [
        ("{}".to_owned(), 400),
        (json!({"keys": [of(&json!("fx_secret"), 1)]}).to_string(), 400),
        (json!({"keys": many}).to_string(), 400),
        (" ".repeat(300_000), 413),
    ] {
        assert_eq!(report(&gateway, body).await, status);
    }
    assert_eq!(gateway.control_plane.metric("ferrox_xds_key_usage_reports_refused_total").await.unwrap(), 4);
}
