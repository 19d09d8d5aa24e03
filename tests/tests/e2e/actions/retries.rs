//! Requests that are sent again.

use ferrox_testbed::{
    gateway::Gateway,
    ports::Port,
    upstream::{Answer, Upstream},
};
use reqwest::Method;
use serde_json::json;

use super::set;
use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_repeated_is_and_a_post_only_if_the_route_says_so() {
    let upstream = Upstream::start_new("u").unwrap();
    let back_off = json!({"base_ms": 1, "max_ms": 2});
    let rows = rows::upstream(&upstream)
        + &rows::route("careful", "u")
        + &set("careful", "retry", &json!({"on": ["5xx"], "attempts": 2, "back_off": back_off}))
        + &rows::route("bold", "u")
        + &set("bold", "retry", &json!({"on": ["5xx"], "attempts": 2, "back_off": back_off, "unsafe": true}))
        + &rows::route("status", "u")
        + &set("status", "retry", &json!({"statuses": [429], "back_off": back_off}))
        + &rows::route("never", "u")
        // Failures are what this is about, not what opens the breaker.
        + "update upstreams set failures = 1000;";
    let gateway = Gateway::start(&rows).await.unwrap();
    let sent = async |method: Method, path: &str, status: u16| {
        upstream.answer(path, Answer { status: status.try_into().unwrap(), ..Answer::default() });
        let before = upstream.requests(path);
        let response = gateway.client().request(method, gateway.url(path)).send().await.unwrap();
        assert_eq!(response.status(), status);
        upstream.requests(path) - before
    };
    assert_eq!(sent(Method::GET, "/careful", 503).await, 3);
    assert_eq!(sent(Method::PUT, "/careful", 500).await, 3);
    assert_eq!(sent(Method::POST, "/careful", 503).await, 1);
    assert_eq!(sent(Method::GET, "/careful", 429).await, 1);
    assert_eq!(sent(Method::POST, "/bold", 503).await, 3);
    assert_eq!(sent(Method::GET, "/status", 429).await, 2);
    assert_eq!(sent(Method::GET, "/status", 503).await, 1);
    assert_eq!(sent(Method::GET, "/never", 503).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn even_a_post_is_sent_to_another_endpoint_when_one_takes_no_connection() {
    let upstream = Upstream::start_new("u").unwrap();
    let dead = Port::free().unwrap();
    let endpoint = format!("insert into endpoints values ('u', '127.0.0.1', {});", dead.number());
    let rows = rows::upstream(&upstream)
        + &endpoint
        + "update upstreams set failures = 1000;"
        + &rows::route("r", "u")
        + &set("r", "retry", &json!({"on": ["5xx"], "back_off": {"base_ms": 1, "max_ms": 2}}))
        + &rows::route("bare", "u");
    let gateway = Gateway::start(&rows).await.unwrap();
    let post = async |path: &str| {
        let mut failed = 0;
        for _ in 0..40 {
            let response = gateway.client().post(gateway.url(path)).body("x").send().await.unwrap();
            failed += u32::from(response.status() != 200);
        }
        failed
    };
    assert_eq!(post("/r").await, 0);
    assert!(post("/bare").await > 0, "the other endpoint is not dead");
    assert_eq!(upstream.requests("/r"), 40);
}
