//! Limits on what is under way at once.

use std::time::Duration;

use ferrox_testbed::{
    gateway::Gateway,
    upstream::{Behaviour, Upstream},
    wait::eventually,
};

use crate::{pool::until_in, rows};

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_upstream_gets_no_more_than_its_limit_and_the_rest_is_answered_at_once() {
    let upstream = Upstream::start_new("u").unwrap();
    let columns = "max_requests = 3, failures = 2, open_for_ms = 60000";
    let mut gateway = Gateway::start(&rows::routed(&upstream, columns)).await.unwrap();
    // The gateway's own client would give up too early.
    let patient = reqwest::Client::builder().no_proxy().build().unwrap();
    for round in 1..=2_u64 {
        upstream.behave(Behaviour::Slow(Duration::from_secs(3600)));
        let before = upstream.requests("/u");
        let waiting = (0..3).map(|_| tokio::spawn(patient.get(gateway.url("/u")).send()));
        let waiting: Vec<_> = waiting.collect();
        eventually("all that may wait do", async || upstream.requests("/u") == before + 3).await.unwrap();
        for _ in 0..20 {
            let response = gateway.get("/u").await.unwrap();
            assert_eq!(
                (response.status().as_u16(), response.headers().contains_key("x-envoy-overloaded")),
                (503, true)
            );
        }
        assert_eq!(upstream.requests("/u"), before + 3, "round {round}");
        // What is shed is no failure of the upstream.
        until_in(&mut gateway, "u", 1).await;

        waiting.iter().for_each(tokio::task::JoinHandle::abort);
        upstream.behave(Behaviour::Answer);
        let envoy = gateway.envoy().unwrap();
        eventually("Envoy has let go of them", async || {
            envoy.stat("cluster.u.upstream_rq_active").await.unwrap() == 0
        })
        .await
        .unwrap();
        assert_eq!(gateway.get("/u").await.unwrap().status(), 200);
    }
}
