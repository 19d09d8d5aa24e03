//! Request bodies that are too large.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use serde_json::json;

use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn a_body_above_the_limit_never_reaches_the_upstream() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = rows::upstream(&upstream)
        + &rows::route("small", "u")
        + &rows::route("large", "u")
        + &rows::route("free", "u")
        + &rows::route("closed", "u")
        + &rows::policy("closed", "auth", &json!({"api_key": {}}))
        + "update routes set max_request_bytes = 1000 where name in ('small', 'closed');
           update routes set max_request_bytes = 3000000 where name = 'large';";
    let gateway = Gateway::start(&rows).await.unwrap();
    let post = async |path: &str, bytes: usize| {
        let request = gateway.client().post(gateway.url(path)).body(vec![b'x'; bytes]);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(post("/small", 1000).await, 200);
    assert_eq!(post("/small", 1001).await, 413);
    // Above what a connection may buffer.
    assert_eq!(post("/large", 2_500_000).await, 200);
    assert_eq!(post("/free", 2_500_000).await, 200);
    assert_eq!(post("/closed", 1).await, 401);
    assert_eq!((upstream.requests("/small"), upstream.requests("/closed")), (1, 0));
}
