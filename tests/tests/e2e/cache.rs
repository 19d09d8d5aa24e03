//! What is answered from the cache.

use bytes::Bytes;
use ferrox_testbed::{
    gateway::Gateway,
    upstream::{Answer, Upstream},
    wait::eventually,
};
use reqwest::{Method, Response};
use serde_json::json;

use crate::rows;

fn answer(cache_control: &'static str) -> Answer {
    Answer { body: Some(Bytes::from_static(b"body")), ..Answer::default() }
        .header("cache-control", cache_control)
}

fn cache_status(response: &Response) -> &str {
    response.headers().get("cache-status").map_or("", |value| value.to_str().unwrap())
}

fn is_hit(response: &Response) -> bool {
    cache_status(response).contains("hit")
}

/// Storing happens behind the answer, so the first hit is waited for.
async fn until_hit(gateway: &Gateway, path: &str) {
    eventually("the answer comes from the cache", async || is_hit(&gateway.get(path).await.unwrap()))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_answer_is_served_from_the_cache_with_its_age() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [
        rows::upstream(&upstream),
        rows::route("cached", "u"),
        rows::route("plain", "u"),
        rows::policy("cached", "cache", &json!({})),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    upstream.answer("/cached", answer("max-age=600").header("content-type", "text/plain"));
    upstream.answer("/plain", answer("max-age=600"));

    let miss = gateway.get("/cached").await.unwrap();
    assert!(cache_status(&miss).contains("fwd=miss"), "{:?}", miss.headers());
    until_hit(&gateway, "/cached").await;
    let upstream_saw = upstream.requests("/cached");
    let hit = gateway.get("/cached").await.unwrap();
    assert!(is_hit(&hit) && hit.headers()["age"].to_str().unwrap().parse::<u64>().unwrap() < 600);
    assert_eq!(hit.headers()["content-type"], "text/plain");
    assert_eq!(hit.text().await.unwrap(), "body");
    assert_eq!(upstream.requests("/cached"), upstream_saw);

    // HEAD has an entry of its own, and tells what GET would.
    let head = async || gateway.client().request(Method::HEAD, gateway.url("/cached")).send().await.unwrap();
    eventually("HEAD comes from the cache", async || is_hit(&head().await)).await.unwrap();
    let head = head().await;
    assert_eq!(
        (head.headers()["content-length"].as_bytes(), head.headers()["content-type"].as_bytes()),
        (&b"4"[..], &b"text/plain"[..])
    );

    for _ in 0..3 {
        assert_eq!(cache_status(&gateway.get("/plain").await.unwrap()), "");
    }
    assert_eq!(upstream.requests("/plain"), 3, "a route without a policy caches nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_stored_reaches_the_upstream_each_time() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [rows::upstream(&upstream), rows::route("c", "u"), rows::policy("c", "cache", &json!({}))];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    upstream.answer("/c/no-store", answer("no-store, max-age=60"));
    upstream.answer("/c/private", answer("private, max-age=60"));
    upstream.answer("/c/silent", Answer::default());
    upstream.answer("/c/cookie", answer("max-age=60").header("set-cookie", "a=b"));
    upstream.answer("/c/vary", answer("max-age=60").header("vary", "accept-language"));
    upstream
        .answer("/c/error", Answer { status: axum::http::StatusCode::BAD_GATEWAY, ..answer("max-age=60") });
    upstream.answer("/c/marker", answer("max-age=60"));
    let paths = ["/c/no-store", "/c/private", "/c/silent", "/c/cookie", "/c/vary", "/c/error"];
    for path in paths {
        gateway.get(path).await.unwrap();
    }
    // What was asked for after them has been stored, so they have had their chance.
    until_hit(&gateway, "/c/marker").await;
    for path in paths {
        assert!(!is_hit(&gateway.get(path).await.unwrap()), "{path}");
        assert_eq!(upstream.requests(path), 2, "{path}");
    }
    // A request can forbid it too, and POST is never answered from the cache.
    let before = upstream.requests("/c/marker");
    let no_cache =
        gateway.client().get(gateway.url("/c/marker")).header("cache-control", "no-cache").send().await;
    assert!(!is_hit(&no_cache.unwrap()));
    let post = gateway.client().post(gateway.url("/c/marker")).send().await;
    assert!(!is_hit(&post.unwrap()));
    assert_eq!(upstream.requests("/c/marker"), before + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_consumers_never_see_each_others_answer_unless_the_policy_shares() {
    let upstream = Upstream::start_new("u").unwrap();
    let mut rows =
        rows::upstream(&upstream) + &rows::consumer("a", "", "key-a") + &rows::consumer("b", "", "key-b");
    for (name, shared) in [("own", false), ("shared", true)] {
        rows += &rows::route(name, "u");
        rows += &rows::policy(name, "auth", &json!({"api_key": {}}));
        rows += &rows::policy(name, "cache", &json!({"shared": shared, "headers": ["accept"]}));
    }
    let gateway = Gateway::start(&rows).await.unwrap();
    for path in ["/own", "/shared"] {
        upstream.answer(path, Answer::default().header("cache-control", "public, max-age=600"));
    }
    let get = async |path: &str, key: &str| {
        let request = gateway.client().get(gateway.url(path)).header("x-api-key", key);
        request.header("x-ferrox-consumer", "a").send().await.unwrap()
    };
    let until_hit_with = async |path: &str, key: &str| {
        eventually("a hit", async || is_hit(&get(path, key).await)).await.unwrap();
    };
    until_hit_with("/own", "key-a").await;
    let other = get("/own", "key-b").await;
    assert!(!is_hit(&other));
    assert!(other.text().await.unwrap().contains(r#"["x-ferrox-consumer","b"]"#));
    until_hit_with("/own", "key-b").await;
    assert!(get("/own", "key-a").await.text().await.unwrap().contains(r#"["x-ferrox-consumer","a"]"#));

    until_hit_with("/shared", "key-a").await;
    assert!(is_hit(&get("/shared", "key-b").await));
    assert_eq!(get("/shared", "guess").await.status(), 401, "a cached answer is not for everybody");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_cache_is_bypassed() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [rows::upstream(&upstream), rows::route("c", "u"), rows::policy("c", "cache", &json!({}))];
    let mut gateway = Gateway::start(&rows.concat()).await.unwrap();
    upstream.answer("/c", answer("max-age=600"));
    until_hit(&gateway, "/c").await;
    gateway.redis.service().kill().unwrap();
    for _ in 0..5 {
        let response = gateway.get("/c").await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(!is_hit(&response));
    }
    gateway.redis.start().await.unwrap();
    until_hit(&gateway, "/c").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_passes_whole_and_is_not_stored() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [
        rows::upstream(&upstream),
        rows::route("c", "u"),
        rows::policy("c", "cache", &json!({"max_body_bytes": 100_000})),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    let large = || Answer { body: Some(Bytes::from(vec![b'x'; 3 << 20])), ..answer("max-age=600") };
    upstream.answer("/c/large", large());
    upstream
        .answer("/c/fits", Answer { body: Some(Bytes::from(vec![b'x'; 100_000])), ..answer("max-age=600") });
    for _ in 0..2 {
        let body = gateway.get("/c/large").await.unwrap().bytes().await.unwrap();
        assert_eq!(body.len(), 3 << 20);
    }
    until_hit(&gateway, "/c/fits").await;
    assert_eq!(gateway.get("/c/fits").await.unwrap().bytes().await.unwrap().len(), 100_000);
    assert!(!is_hit(&gateway.get("/c/large").await.unwrap()));
    assert_eq!(upstream.requests("/c/large"), 3);
}
