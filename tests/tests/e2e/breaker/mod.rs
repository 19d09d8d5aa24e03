//! Breakers: what opens them and what does not, how they close, and what keeps their state.

mod closing;
mod counting;
mod forced;
mod keeping;
mod limits;
mod retrying;

use axum::http::StatusCode;
use ferrox_testbed::{
    gateway::Gateway,
    upstream::{Behaviour, Upstream},
};

/// An answer that counts.
const FAILING: Behaviour = Behaviour::Fail(StatusCode::INTERNAL_SERVER_ERROR);

/// Fails so many requests in a row.
async fn fail(gateway: &Gateway, path: &str, times: u32) {
    for _ in 0..times {
        let status = gateway.get(path).await.unwrap().status();
        assert!(status.is_server_error(), "{status}");
    }
}

/// Sees that requests are answered at once and none reaches the upstream.
async fn assert_open(gateway: &Gateway, upstream: &Upstream, path: &str) {
    let before = upstream.requests(path);
    for _ in 0..20 {
        let response = gateway.get(path).await.unwrap();
        assert_eq!(response.status(), 503);
        assert_eq!(response.text().await.unwrap(), "no healthy upstream");
    }
    assert_eq!(upstream.requests(path), before, "nothing reaches it while the breaker is open");
}
