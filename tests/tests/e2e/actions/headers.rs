//! Changes of headers.

use ferrox_testbed::{
    gateway::Gateway,
    upstream::{Answer, Upstream},
};
use serde_json::json;

use super::set;
use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_set_added_and_removed_on_both_ways() {
    let upstream = Upstream::start_new("u").unwrap();
    upstream.answer(
        "/r",
        Answer::default().header("x-set", "theirs").header("x-add", "theirs").header("x-gone", "theirs"),
    );
    let changes = json!({
        "set": {"x-set": "100%% of %ROUTE_NAME%", "x-from": "%REQ(x-client)%/%REQ(:method)%", "x-none": "%REQ(x-nothing)%",
            "x-rest": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %PROTOCOL% %START_TIME%"},
        "add": {"x-add": "ours"},
        "remove": ["x-gone"],
    });
    let rows = rows::upstream(&upstream)
        + &rows::route("r", "u")
        + &set("r", "request_headers", &changes)
        + &set("r", "response_headers", &changes);
    let gateway = Gateway::start(&rows).await.unwrap();
    let request = gateway.client().get(gateway.url("/r")).header("x-client", "me");
    let request =
        ["x-set", "x-add", "x-gone"].iter().fold(request, |request, name| request.header(*name, "theirs"));
    let response = request.send().await.unwrap();
    for headers in [&upstream.last().unwrap().headers, response.headers()] {
        let values =
            |name: &str| headers.get_all(name).iter().map(|v| v.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(values("x-set"), ["100% of r"]);
        assert_eq!(values("x-add"), ["theirs", "ours"]);
        assert_eq!(values("x-from"), ["me/GET"]);
        assert!(values("x-rest")[0].starts_with("127.0.0.1 HTTP/1.1 20"), "{headers:?}");
        assert_eq!(values("x-gone"), [""; 0]);
        assert_eq!(values("x-none"), [""; 0]);
    }
}
