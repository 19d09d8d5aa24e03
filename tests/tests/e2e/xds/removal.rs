//! A cluster goes only when no route leads to it any more.

use ferrox_testbed::{bootstrap::Protocol, upstream::Upstream, wait::eventually};

use super::{gateway, in_both_variants, speaking, until_cluster};
use crate::{load::Client, rows};

in_both_variants!(a_swap_of_upstreams_under_load_loses_no_request);

/// Moves a route from one upstream to another and removes the one it leaves, over and over in one transaction each, while
/// clients send requests.
async fn a_swap_of_upstreams_under_load_loses_no_request(protocol: Protocol) {
    let upstreams = ["one", "two"].map(|name| Upstream::start_new(name).unwrap());
    let gateway = gateway(speaking(protocol), &[&upstreams[0]]).await;
    let clients: Vec<_> =
        (0..4).map(|_| Client::start(vec![gateway.client().get(gateway.url("/r"))])).collect();
    for round in 1..=6 {
        let (old, new) = (&upstreams[(round + 1) % 2], &upstreams[round % 2]);
        gateway.sql(&(rows::takeover(old, new) + &rows::removal(old))).await.unwrap();
        let before = new.requests("/r");
        eventually("the route has moved", async || new.requests("/r") > before).await.unwrap();
        for client in &clients {
            client.enough().await;
        }
        until_cluster(&gateway, old.name(), false).await;
    }
    for client in clients {
        assert_eq!(client.finish().await, std::collections::BTreeMap::new());
    }
}
