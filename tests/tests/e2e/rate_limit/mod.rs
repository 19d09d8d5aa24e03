//! How much may pass.

mod algorithms;
mod breaking;
mod counting;
mod holds;
mod known;
mod leases;
mod local;
mod parts;
mod under_way;
mod whose;

use ferrox_testbed::{gateway::Gateway, upstream::Upstream, wait::eventually};
use reqwest::Response;
use serde_json::{Value, json};

use crate::rows;

/// As long as may be: on a machine that is busy, a decision can take longer than a client should wait.
const PATIENT_MS: u32 = 1_000;

fn limit(by: &str, requests: u64, on_store_failure: &str) -> Value {
    json!({"timeout_ms": PATIENT_MS, "limits": [{
        "name": "burst", "by": by, "requests": requests, "window_seconds": 600, "on_store_failure": on_store_failure,
    }]})
}

/// A route with these limits, each of which counts for 600 s.
fn limited(route: &str, limits: &[Value]) -> String {
    let limits = limits.iter().map(|limit| {
        let mut limit = limit.clone();
        limit["window_seconds"] = json!(600);
        limit
    });
    let policy = json!({"timeout_ms": PATIENT_MS, "limits": limits.collect::<Vec<_>>()});
    rows::route(route, "u") + &rows::policy(route, "rate_limit", &policy)
}

async fn statuses(gateway: &Gateway, path: &str, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(gateway.get(path).await.unwrap().status().as_u16());
    }
    statuses
}

/// How many decisions the sidecar made.
async fn decisions(gateway: &Gateway) -> u64 {
    let url = gateway.sidecar.url("/metrics");
    let metrics = gateway.client().get(url).send().await.unwrap().text().await.unwrap();
    let lines = metrics.lines().filter(|line| line.starts_with("ferrox_sidecar_limit_decisions_total{"));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers()[name].to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_by_address_counts_to_its_end_and_says_when_to_come_back() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [
        rows::upstream(&upstream),
        rows::route("limited", "u"),
        rows::route("free", "u"),
        rows::policy("limited", "rate_limit", &limit("address", 3, "allow")),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    let first = gateway.get("/limited").await.unwrap();
    assert_eq!(header(&first, "ratelimit-policy"), r#""burst";q=3;w=600"#);
    assert!(header(&first, "ratelimit").starts_with(r#""burst";r=2;t="#), "{:?}", first.headers());
    assert_eq!(statuses(&gateway, "/limited", 4).await, [200, 200, 429, 429]);
    let denied = gateway.get("/limited").await.unwrap();
    let wait: u64 = header(&denied, "retry-after").parse().unwrap();
    assert!((1..=600).contains(&wait));
    assert_eq!(header(&denied, "content-type"), "application/problem+json");
    assert_eq!(upstream.requests("/limited"), 3);
    assert_eq!(statuses(&gateway, "/free", 5).await, [200; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_never_get_more_than_the_limit() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [
        rows::upstream(&upstream),
        rows::route("limited", "u"),
        rows::policy("limited", "rate_limit", &limit("address", 20, "deny")),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    let requests = (0..100).map(|_| gateway.get("/limited"));
    let statuses = futures::future::join_all(requests).await;
    let allowed = statuses.iter().filter(|response| response.as_ref().unwrap().status() == 200).count();
    assert_eq!((allowed, upstream.requests("/limited")), (20, 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_by_identity_counts_each_consumer_apart_and_runs_after_auth() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [
        rows::upstream(&upstream),
        rows::route("partners", "u"),
        rows::policy("partners", "auth", &json!({"api_key": {}})),
        rows::policy("partners", "rate_limit", &limit("identity", 2, "allow")),
        rows::consumer("a", "", "key-a"),
        rows::consumer("b", "", "key-b"),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    let with = async |key: &str| {
        let request = gateway.client().get(gateway.url("/partners")).header("x-api-key", key);
        request.header("x-ferrox-consumer", "b").send().await.unwrap().status().as_u16()
    };
    assert_eq!([with("key-a").await, with("key-a").await, with("key-a").await], [200, 200, 429]);
    // Who is refused by auth is counted nowhere.
    assert_eq!([with("guess").await, with("guess").await, with("guess").await], [401, 401, 401]);
    assert_eq!([with("key-b").await, with("key-b").await, with("key-b").await], [200, 200, 429]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_limit_does_what_its_policy_says() {
    let upstream = Upstream::start_new("u").unwrap();
    let mut rows = rows::upstream(&upstream);
    for (name, requests) in [("allow", 2), ("deny", 1000), ("local", 2)] {
        rows += &rows::route(name, "u");
        rows += &rows::policy(name, "rate_limit", &limit("address", requests, name));
    }
    let mut gateway = Gateway::start(&rows).await.unwrap();
    gateway.until("/deny", 200).await.unwrap();
    gateway.redis.service().kill().unwrap();
    assert_eq!(statuses(&gateway, "/allow", 5).await, [200; 5]);
    let denied = gateway.get("/deny").await.unwrap();
    assert_eq!((denied.status().as_u16(), header(&denied, "retry-after")), (503, "1"));
    // Each of the two workers counts on its own: at least the limit passes, and at most twice as much.
    let local = statuses(&gateway, "/local", 20).await;
    let passed = local.iter().filter(|status| **status == 200).count();
    assert!((2..=4).contains(&passed) && local.iter().all(|status| [200, 429].contains(status)), "{local:?}");

    gateway.redis.start().await.unwrap();
    gateway.until("/deny", 200).await.unwrap();
    eventually("the shared limit counts again", async || {
        gateway.get("/allow").await.unwrap().status() == 429
    })
    .await
    .unwrap();
}
