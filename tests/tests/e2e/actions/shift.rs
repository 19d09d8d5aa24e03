//! Shifts of traffic from one version to another under load.

use std::collections::BTreeMap;

use ferrox_testbed::{gateway::Gateway, upstream::Upstream, wait::eventually};

use crate::{load::Client, rows};

/// Waits until a hundred requests in a row went to one upstream, with clients that never rest.
async fn all_go_to(this: &Upstream, other: &Upstream) {
    eventually("all requests go to one upstream", async || {
        let (here, there) = (this.requests("/r"), other.requests("/r"));
        eventually("requests come", async || this.requests("/r") >= here + 100).await.unwrap();
        other.requests("/r") == there
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shift_and_the_removal_of_what_was_left_lose_no_request_there_and_back() {
    let (blue, green) = (Upstream::start_new("blue").unwrap(), Upstream::start_new("green").unwrap());
    let rows = rows::upstream(&blue)
        + &rows::upstream(&green)
        + "insert into routes (name, path_prefix) values ('r', '/r');
           insert into route_upstreams values ('r', 'blue', 90), ('r', 'green', 10);";
    let gateway = Gateway::start(&rows).await.unwrap();
    let clients: Vec<_> =
        (0..4).map(|_| Client::start(vec![gateway.client().get(gateway.url("/r"))])).collect();
    clients[0].enough().await;

    let shift = "update route_upstreams set weight = case upstream when 'green' then 100 else 0 end";
    gateway.sql(shift).await.unwrap();
    all_go_to(&green, &blue).await;
    let remove = "delete from route_upstreams where upstream = 'blue';".to_owned() + &rows::removal(&blue);
    gateway.sql(&remove).await.unwrap();
    clients[0].enough().await;

    // Back in one transaction: blue comes anew and takes everything.
    gateway.sql(&rows::takeover(&green, &blue)).await.unwrap();
    all_go_to(&blue, &green).await;
    gateway.sql(&rows::removal(&green)).await.unwrap();
    clients[0].enough().await;
    for client in clients {
        assert_eq!(client.finish().await, BTreeMap::new());
    }
}
