//! Compressed answers.

use ferrox_testbed::{
    gateway::Gateway,
    upstream::{Answer, Upstream},
    wait::eventually,
};
use serde_json::json;

use super::{header, set};
use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_compressed_as_the_client_takes_it_and_stored_as_it_was() {
    let upstream = Upstream::start_new("u").unwrap();
    let big = Answer { body: Some("x".repeat(4096).into()), ..Answer::default() };
    for path in ["/packed", "/plain", "/gzip"] {
        upstream.answer(
            path,
            big.clone().header("content-type", "text/plain").header("cache-control", "max-age=600"),
        );
    }
    let small = Answer { body: Some("x".into()), ..Answer::default() };
    upstream.answer("/packed/small", small.header("content-type", "text/plain"));
    let rows = rows::upstream(&upstream)
        + &rows::route("packed", "u")
        + &rows::policy("packed", "cache", &json!({}))
        + &set("packed", "compression", &json!({"algorithms": ["gzip", "brotli", "zstd"]}))
        + &rows::route("gzip", "u")
        + &set("gzip", "compression", &json!({"algorithms": ["gzip"]}))
        + &rows::route("plain", "u");
    let gateway = Gateway::start(&rows).await.unwrap();
    let coding = async |path: &str, accepted: &str| {
        let request = gateway.client().get(gateway.url(path)).header("accept-encoding", accepted);
        let response = request.send().await.unwrap();
        let coding = header(&response, "content-encoding").to_owned();
        let length = response.bytes().await.unwrap().len();
        assert_eq!(length == 4096 || length == 1, coding.is_empty(), "{length}");
        coding
    };
    // It is stored beside being answered, so that another request can come first.
    eventually("the answer is stored", async || {
        header(&gateway.get("/packed").await.unwrap(), "cache-status").contains("hit")
    })
    .await
    .unwrap();
    let stored = upstream.requests("/packed");
    for (accepted, chosen) in [
        ("gzip, br, zstd", "br"),
        ("zstd", "zstd"),
        ("gzip", "gzip"),
        ("identity", ""),
        ("gzip;q=1, br;q=0.1", "gzip"),
    ] {
        assert_eq!(coding("/packed", accepted).await, chosen, "{accepted}");
    }
    // All of them from one answer.
    assert_eq!(upstream.requests("/packed"), stored);
    assert_eq!(coding("/gzip", "br, gzip").await, "gzip");
    assert_eq!(coding("/packed/small", "gzip").await, "");
    assert_eq!(coding("/plain", "gzip").await, "");
}
