//! Retries and breakers.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};

use super::{FAILING, assert_open, fail};
use crate::{pool::until_in, rows};

/// Requests to `upstream` are sent again after a 5xx, so often.
fn retried(upstream: &Upstream, columns: &str, attempts: u32) -> String {
    rows::routed(upstream, columns)
        + &format!("update routes set retry = '{{\"on\": [\"5xx\"], \"attempts\": {attempts}}}';")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_attempt_counts() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = retried(&upstream, "failures = 6, open_for_ms = 3600000", 2);
    let mut gateway = Gateway::start(&rows).await.unwrap();
    upstream.behave(FAILING);
    fail(&gateway, "/u", 1).await;
    assert_eq!(upstream.requests("/u"), 3);
    until_in(&mut gateway, "u", 1).await;
    fail(&gateway, "/u", 1).await;
    until_in(&mut gateway, "u", 0).await;
    assert_open(&gateway, &upstream, "/u").await;
    assert_eq!(upstream.requests("/u"), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_no_more_retries_than_the_limit_or_the_budget_allows() {
    let upstream = Upstream::start_new("u").unwrap();
    for (columns, attempts) in [
        ("max_retries = 0", 1),
        ("max_retries = 1", 4),
        // A budget takes the place of the limit.
        ("max_retries = 0, retry_budget_percent = 0, retry_budget_min = 1", 4),
        ("max_retries = 9, retry_budget_percent = 0, retry_budget_min = 0", 1),
    ] {
        let rows = retried(&upstream, &format!("failures = 1000, {columns}"), 3);
        let gateway = Gateway::start(&rows).await.unwrap();
        upstream.behave(FAILING);
        let before = upstream.requests("/u");
        fail(&gateway, "/u", 1).await;
        assert_eq!(upstream.requests("/u") - before, attempts, "{columns}");
    }
}
