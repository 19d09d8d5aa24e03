//! A store that fails: after a few requests in a row nobody waits for it.

use std::collections::BTreeMap;

use ferrox_testbed::{gateway::Gateway, upstream::Upstream, wait::eventually};
use serde_json::json;

use super::{decisions, header, limited, statuses};
use crate::rows;

const REQUESTS: usize = 200;

/// The filter's metrics, by their names without what they have in common.
async fn counted(gateway: &mut Gateway) -> BTreeMap<String, u64> {
    let stats = gateway.envoy().unwrap().stats().await.unwrap();
    let ours = stats.into_iter().filter_map(|(name, value)| {
        Some((name.strip_prefix("wasmcustom.ferrox.rate_limit.address.")?.to_owned(), value))
    });
    ours.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_few_requests_ask_and_all_count_again_when_it_is_back() {
    let upstream = Upstream::start_new("u").unwrap();
    let limit = json!({"name": "n", "by": "address", "requests": 100_000, "on_store_failure": "allow"});
    let rows = [rows::upstream(&upstream), limited("r", &[limit])];
    let mut gateway = Gateway::start(&rows.concat()).await.unwrap();
    assert_eq!(statuses(&gateway, "/r", 3).await, [200; 3]);
    let before = decisions(&gateway).await;

    gateway.redis.service().kill().unwrap();
    assert_eq!(statuses(&gateway, "/r", REQUESTS).await, [200; REQUESTS]);
    let (asked, counts) = (decisions(&gateway).await - before, counted(&mut gateway).await);
    // Those that open the breakers of both workers, and probes.
    assert!((5..REQUESTS as u64 / 2).contains(&asked), "{asked} asked");
    assert_eq!(counts["store_failed"] + counts["short_circuited"], REQUESTS as u64);
    assert_eq!((counts["store_failed"], counts["failed_allowed"]), (asked, REQUESTS as u64));
    assert_eq!(counts["breaker_open"], 1);
    assert!((1..=2).contains(&counts["breaker_opened"]) && counts["breaker_closed"] == 0, "{counts:?}");

    gateway.redis.start().await.unwrap();
    eventually("the breakers are closed", async || {
        statuses(&gateway, "/r", 1).await;
        let counts = counted(&mut gateway).await;
        counts["breaker_open"] == 0 && counts["breaker_closed"] == counts["breaker_opened"]
    })
    .await
    .unwrap();
    let last = gateway.get("/r").await.unwrap();
    // Redis came back empty. What was decided without it is not counted now, nor anything twice.
    let allowed = counted(&mut gateway).await["allowed"] - 3;
    let state = header(&last, "ratelimit");
    assert!(state.starts_with(&format!(r#""n";r={};"#, 100_000 - allowed)), "{state}, {allowed} passed");
}
