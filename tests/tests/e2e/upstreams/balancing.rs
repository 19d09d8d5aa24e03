//! How endpoints share the requests, and take over from each other.

use ferrox_testbed::{gateway::Gateway, wait::eventually};

use super::{set, shares};
use crate::pool::{self, until_in};

#[tokio::test(flavor = "multi_thread")]
async fn every_balancer_serves_from_every_endpoint() {
    let endpoints = pool::start(3);
    let gateway = Gateway::start(&pool::rows(&endpoints, "failures = 5")).await.unwrap();
    for balancing in ["round_robin", "least_request", "random", "ring_hash", "maglev"] {
        gateway.sql(&format!("update upstreams set load_balancing = '{balancing}'")).await.unwrap();
        let policy = format!("\"lb_policy\": \"{}\"", balancing.to_uppercase());
        eventually(&format!("Envoy balances by {balancing}"), async || {
            let url = gateway.envoy_url("/config_dump?resource=dynamic_active_clusters").unwrap();
            let dump = gateway.client().get(url).send().await.unwrap().text().await.unwrap();
            // The first is what a cluster without a policy has.
            dump.contains(&policy) || balancing == "round_robin"
        })
        .await
        .unwrap();
        let shares = shares(&gateway, &endpoints, 60).await;
        assert!(shares.iter().all(|share| *share > 0), "{balancing}: {shares:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weight_is_a_share_and_a_change_of_it_holds() {
    let endpoints = pool::start(2);
    let rows = pool::rows(&endpoints, "failures = 5") + &set(&endpoints[1], "weight = 3, zone = 'b'");
    let gateway = Gateway::start(&rows).await.unwrap();
    let share = shares(&gateway, &endpoints, 200).await;
    assert!((140..=160).contains(&share[1]), "{share:?}");

    gateway.sql(&set(&endpoints[1], "weight = 9")).await.unwrap();
    eventually("the new weight holds", async || {
        let share = shares(&gateway, &endpoints, 100).await;
        (87..=93).contains(&share[1])
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_priority_takes_over_while_one_is_out_and_gives_back() {
    let mut endpoints = pool::start(2);
    let rows =
        pool::rows(&endpoints, "failures = 1, open_for_ms = 500") + &set(&endpoints[1], "priority = 5");
    let mut gateway = Gateway::start(&rows).await.unwrap();
    assert_eq!(shares(&gateway, &endpoints, 20).await, [20, 0]);

    endpoints[0].close();
    eventually("the other takes over", async || {
        gateway.get("/pool").await.unwrap();
        endpoints[1].requests("/pool") > 0
    })
    .await
    .unwrap();

    endpoints[0].open().unwrap();
    until_in(&mut gateway, "pool", 2).await;
    assert_eq!(shares(&gateway, &endpoints, 20).await, [20, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_priority_that_is_half_out_gives_away_what_it_cannot_carry() {
    let mut endpoints = pool::start(3);
    let rows =
        pool::rows(&endpoints, "failures = 1, open_for_ms = 3600000") + &set(&endpoints[2], "priority = 1");
    let mut gateway = Gateway::start(&rows).await.unwrap();
    endpoints[0].close();
    eventually("one is out", async || gateway.get("/pool").await.unwrap().status() == 503).await.unwrap();
    until_in(&mut gateway, "pool", 2).await;
    // Half of it carries 1.4 times as much as its share: 70 of 100.
    let shares = shares(&gateway, &endpoints, 300).await;
    assert!(shares[0] == 0 && (60..=120).contains(&shares[2]), "{shares:?}");
}
#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_by_hash_sends_what_is_the_same_to_the_same_endpoint() {
    let endpoints = pool::start(3);
    let hash = "update routes set hash_on = '[{\"header\": \"x-user\"}]';";
    for balancing in ["ring_hash", "maglev"] {
        let columns = format!("load_balancing = '{balancing}'");
        let gateway = Gateway::start(&(pool::rows(&endpoints, &columns) + hash)).await.unwrap();
        let counts = || endpoints.iter().map(|endpoint| endpoint.requests("/pool")).collect::<Vec<_>>();
        let mut used = std::collections::BTreeSet::new();
        for user in 0..20 {
            let before = counts();
            for _ in 0..5 {
                let request =
                    gateway.client().get(gateway.url("/pool")).header("x-user", format!("user {user}"));
                assert_eq!(request.send().await.unwrap().status(), 200);
            }
            let got: Vec<_> = counts().iter().zip(before).map(|(after, before)| after - before).collect();
            used.insert(got.iter().position(|share| *share == 5).expect("all of a user go to one endpoint"));
        }
        assert_eq!(used.len(), 3, "{balancing}: users are spread");
    }
}
