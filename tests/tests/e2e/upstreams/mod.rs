//! What upstreams can be: how their endpoints are found, chosen, spoken to and checked.

mod balancing;
mod connections;
mod discovery;
mod health;
mod tls;

use ferrox_testbed::{gateway::Gateway, upstream::Upstream, wait::eventually};

use crate::rows;

/// So many upstreams of the testbed.
fn start(count: usize) -> Vec<Upstream> {
    (0..count).map(|index| Upstream::start_new(&format!("e{index}")).unwrap()).collect()
}

/// They as the endpoints of one upstream, `pool`, with these columns.
fn pool(endpoints: &[Upstream], columns: &str) -> String {
    let mut rows = "insert into upstreams (name) values ('pool');".to_owned() + &rows::route("pool", "pool");
    for endpoint in endpoints {
        rows += &rows::endpoint("pool", endpoint.port());
    }
    rows + &format!("update upstreams set {columns};")
}

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

/// Waits until so many endpoints of `upstream` are in.
async fn until_in(gateway: &mut Gateway, upstream: &str, endpoints: u64) {
    let stat = format!("cluster.{upstream}.membership_healthy");
    let envoy = gateway.envoy().unwrap();
    eventually(&format!("{endpoints} endpoints are in"), async || {
        envoy.stat(&stat).await.unwrap() == endpoints
    })
    .await
    .unwrap();
}
