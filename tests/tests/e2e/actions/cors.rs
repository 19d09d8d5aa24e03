//! Pages of other origins.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use reqwest::Method;
use serde_json::json;

use super::{header, set};
use crate::rows;

const ALLOWED: &str = "access-control-allow-origin";

/// A route for POST with auth and CORS, which a browser can only use if its preflight passes both.
async fn gateway(upstream: &Upstream) -> Gateway {
    let cors = json!({
        "origins": ["https://app.example.com", "https://*.example.org"],
        "request_headers": ["x-api-key"], "expose_headers": ["etag"], "max_age_seconds": 600, "credentials": true,
    });
    let rows = rows::upstream(upstream)
        + &rows::route("r", upstream.name())
        + "update routes set methods = '{POST}';"
        + &rows::policy("r", "auth", &json!({"api_key": {}}))
        + &rows::consumer("acme", "", "acme-key")
        + &set("r", "cors", &cors);
    Gateway::start(&rows).await.unwrap()
}

async fn preflight(gateway: &Gateway, origin: &str, method: &str) -> reqwest::Response {
    let request = gateway.client().request(Method::OPTIONS, gateway.url("/r"));
    let request = request.header("origin", origin).header("access-control-request-method", method);
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_is_answered_before_auth_also_on_a_route_without_options() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(&upstream).await;
    for origin in ["https://app.example.com", "https://a.b.example.org"] {
        let response = preflight(&gateway, origin, "POST").await;
        assert_eq!((response.status().as_u16(), header(&response, ALLOWED)), (200, origin));
        assert_eq!(header(&response, "access-control-allow-methods"), "POST");
        assert_eq!(header(&response, "access-control-allow-headers"), "x-api-key");
        assert_eq!(header(&response, "access-control-allow-credentials"), "true");
        assert_eq!(header(&response, "access-control-max-age"), "600");
    }
    for origin in ["https://example.org", "http://a.example.org", "https://app.example.com.evil.com"] {
        let response = preflight(&gateway, origin, "POST").await;
        assert_eq!((response.status().as_u16(), header(&response, ALLOWED)), (200, ""), "{origin}");
    }
    assert_eq!(preflight(&gateway, "https://app.example.com", "PUT").await.status(), 404);
    // No preflight, and so no request of the route.
    assert_eq!(preflight(&gateway, "", "POST").await.status(), 404);
    assert_eq!(upstream.control().all_requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_an_allowed_origin_may_read_answers_and_refusals() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(&upstream).await;
    let post = async |origin: &str, key: &str| {
        let request = gateway.client().post(gateway.url("/r")).header("origin", origin);
        let response = request.header("x-api-key", key).send().await.unwrap();
        (response.status().as_u16(), header(&response, ALLOWED).to_owned())
    };
    let origin = "https://app.example.com";
    assert_eq!(post(origin, "acme-key").await, (200, origin.to_owned()));
    assert_eq!(post(origin, "wrong").await, (401, origin.to_owned()));
    assert_eq!(post("https://evil.com", "acme-key").await, (200, String::new()));
}
