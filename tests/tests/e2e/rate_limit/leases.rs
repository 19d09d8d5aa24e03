//! Tokens that workers hold: few questions for many requests, and never more than the limit.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream, wait::eventually};
use serde_json::{Value, json};

use super::{decisions, limited, statuses};
use crate::rows;

fn leased(algorithm: &str, requests: u64) -> Value {
    json!({"name": "n", "by": "all", "requests": requests, "algorithm": algorithm, "mode": "leased"})
}

async fn passed_unasked(gateway: &mut Gateway) -> u64 {
    gateway.envoy().unwrap().stats().await.unwrap()["wasmcustom.ferrox.rate_limit.address.leased"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_used_much_costs_few_questions() {
    const REQUESTS: usize = 500;
    let upstream = Upstream::start_new("u").unwrap();
    let algorithms = ["fixed_window", "sliding_window", "token_bucket"];
    let mut rows = rows::upstream(&upstream);
    for algorithm in algorithms {
        rows += &limited(&algorithm.replace('_', "-"), &[leased(algorithm, 1_000_000)]);
    }
    let gateway = Gateway::start(&rows).await.unwrap();
    for algorithm in algorithms {
        let path = format!("/{}", algorithm.replace('_', "-"));
        // A worker takes as much as it used in the second before, so it must have been asked for a while.
        let mut asked = 0;
        eventually("few questions for many requests", async || {
            let before = decisions(&gateway).await;
            assert_eq!(statuses(&gateway, &path, REQUESTS).await, [200; REQUESTS], "{algorithm}");
            asked = decisions(&gateway).await - before;
            asked < REQUESTS as u64 / 2
        })
        .await
        .unwrap_or_else(|error| panic!("{error}: {asked} for {REQUESTS}, {algorithm}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_limit_can_be_used_and_no_more_whoever_held_it() {
    const LIMIT: u64 = 300;
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [rows::upstream(&upstream), limited("r", &[leased("fixed_window", LIMIT)])];
    let mut gateway = Gateway::start(&rows.concat()).await.unwrap();
    // Each client has a connection of its own, so that both workers have some.
    let clients: Vec<_> = (0..4).map(|_| reqwest::Client::builder().no_proxy().build().unwrap()).collect();
    let url = gateway.url("/r");
    let mut passed = 0;
    eventually("all of it is used", async || {
        let requests = clients.iter().flat_map(|client| [client.get(&url).send(), client.get(&url).send()]);
        for response in futures::future::join_all(requests).await {
            passed += u64::from(response.unwrap().status() == 200);
        }
        assert!(passed <= LIMIT, "{passed}");
        passed == LIMIT
    })
    .await
    .unwrap();
    assert_eq!(statuses(&gateway, "/r", 20).await, [429; 20]);
    assert!(passed_unasked(&mut gateway).await > 0 && upstream.requests("/r") == LIMIT);
}
