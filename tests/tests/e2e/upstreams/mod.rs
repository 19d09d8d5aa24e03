//! What upstreams can be: how their endpoints are found, chosen, spoken to and checked.

mod balancing;
mod connections;
mod discovery;
mod health;
mod tls;

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};

/// A column of an endpoint is set.
fn set(endpoint: &Upstream, column: &str) -> String {
    format!("update endpoints set {column} where port = {};", endpoint.port())
}

/// Sends so many requests, all of which are served; returns how many each endpoint got.
async fn shares(gateway: &Gateway, endpoints: &[Upstream], requests: u32) -> Vec<u64> {
    let counts = || endpoints.iter().map(|endpoint| endpoint.requests("/pool")).collect::<Vec<_>>();
    let before = counts();
    for _ in 0..requests {
        assert_eq!(gateway.get("/pool").await.unwrap().status(), 200);
    }
    counts().iter().zip(before).map(|(after, before)| after - before).collect()
}
