//! A gateway that shards by host: the routes of each host are a resource of their own.

use std::collections::BTreeMap;

use ferrox_testbed::{
    bootstrap::Protocol,
    gateway::{Gateway, GatewayOptions},
    upstream::Upstream,
    wait::eventually,
};

use crate::{load::Client, rows, xds::in_both_variants};

in_both_variants!(envoy_follows_every_change, a_swap_loses_no_request, sharding_can_be_switched_under_load);

/// The host of [`Gateway::url`].
const HOST: &str = "127.0.0.1";

/// A route for one host to one upstream.
fn route(name: &str, host: &str, upstream: &str) -> String {
    rows::route(name, upstream) + &format!("update routes set hosts = '{{{host}}}' where name = '{name}';")
}

async fn gateway(protocol: Protocol, upstream: &Upstream) -> Gateway {
    let rows = rows::upstream(upstream)
        + "update gateways set sharding = 'host';"
        + &route("r", HOST, upstream.name())
        + &route("other", "other.example", upstream.name());
    Gateway::start_with(&rows, GatewayOptions { protocol, ..GatewayOptions::default() }).await.unwrap()
}

/// The status of the answer to a request for a path of a host.
async fn status(gateway: &Gateway, host: &str, path: &str) -> u16 {
    let request = gateway.client().get(gateway.url(path)).header("host", host);
    request.send().await.unwrap().status().as_u16()
}

/// A statistic of Envoy's scoped routes; 0 when there is none.
async fn statistic(gateway: &Gateway, name: &str) -> u64 {
    let url = gateway.envoy_url("/stats?filter=scoped_rds").unwrap();
    let statistics = gateway.client().get(url).send().await.unwrap().text().await.unwrap();
    let line =
        statistics.lines().find_map(|line| line.split_once(": ").filter(|(key, _)| key.ends_with(name)));
    line.map_or(0, |(_, value)| value.parse().unwrap())
}

async fn envoy_follows_every_change(protocol: Protocol) {
    let (one, two) = (Upstream::start_new("one").unwrap(), Upstream::start_new("two").unwrap());
    let gateway = gateway(protocol, &one).await;
    assert_eq!(status(&gateway, HOST, "/r").await, 200);
    assert_eq!(
        status(&gateway, "other.example:8080", "/other").await,
        200,
        "the port of a host does not count"
    );
    assert_eq!(status(&gateway, HOST, "/other").await, 404, "a route of another host");
    assert_eq!(status(&gateway, "nobody.example", "/r").await, 404);
    assert_eq!(status(&gateway, "(none)", "/r").await, 404, "the key of the scope without hosts");

    // A new host and a new cluster in one change.
    gateway.sql(&(rows::upstream(&two) + &route("new", "new.example", "two"))).await.unwrap();
    eventually("the new host is there", async || status(&gateway, "new.example", "/new").await == 200)
        .await
        .unwrap();

    gateway.sql("update route_upstreams set upstream = 'two' where route = 'r'").await.unwrap();
    eventually("/r goes to the other upstream", async || {
        assert_eq!(status(&gateway, HOST, "/r").await, 200);
        two.requests("/r") > 0
    })
    .await
    .unwrap();

    gateway
        .sql("update routes set hosts = '{other.example,new.example}' where name = 'other'; delete from routes where name = 'new'")
        .await
        .unwrap();
    eventually("the route has one host more", async || {
        status(&gateway, "new.example", "/other").await == 200
    })
    .await
    .unwrap();
    assert_eq!(status(&gateway, "new.example", "/new").await, 404);

    gateway.sql("delete from routes where name = 'other'").await.unwrap();
    eventually("the hosts are gone", async || status(&gateway, "other.example", "/other").await == 404)
        .await
        .unwrap();
    assert_eq!(status(&gateway, HOST, "/r").await, 200);
    assert_eq!(statistic(&gateway, "update_rejected").await, 0);
}

/// Moves a route from one upstream to another and removes the one it leaves, in one transaction each.
async fn a_swap_loses_no_request(protocol: Protocol) {
    let upstreams = ["one", "two"].map(|name| Upstream::start_new(name).unwrap());
    let gateway = gateway(protocol, &upstreams[0]).await;
    let client = Client::start(vec![gateway.client().get(gateway.url("/r"))]);
    for round in 1..=4 {
        let (old, new) = (&upstreams[(round + 1) % 2], &upstreams[round % 2]);
        let swap = rows::upstream(new)
            + &format!("update route_upstreams set upstream = '{}';", new.name())
            + &format!("delete from upstreams where name = '{}';", old.name());
        gateway.sql(&swap).await.unwrap();
        let before = new.requests("/r");
        eventually("the route has moved", async || new.requests("/r") > before).await.unwrap();
        client.enough().await;
        let url = gateway.envoy_url("/clusters").unwrap();
        eventually("the old cluster is gone", async || {
            let clusters = gateway.client().get(&url).send().await.unwrap().text().await.unwrap();
            !clusters.lines().any(|line| line.starts_with(&format!("{}::", old.name())))
        })
        .await
        .unwrap();
    }
    assert_eq!(client.finish().await, BTreeMap::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_reconnect_no_host_is_sent_again() {
    let upstream = Upstream::start_new("u").unwrap();
    let mut gateway = gateway(Protocol::Delta, &upstream).await;
    let (updates, scopes) =
        (statistic(&gateway, "update_success").await, statistic(&gateway, "all_scopes").await);
    gateway.control_plane.service().stop().await.unwrap();
    gateway.control_plane.start().await.unwrap();
    // A change after the reconnect is applied, and is all that is.
    gateway.sql(&route("new", "new.example", "u")).await.unwrap();
    eventually("the new host is there", async || status(&gateway, "new.example", "/new").await == 200)
        .await
        .unwrap();
    // Envoy counts an update once it is through with it, which is after it holds.
    eventually("an update is counted", async || statistic(&gateway, "update_success").await > updates)
        .await
        .unwrap();
    assert_eq!(statistic(&gateway, "update_success").await, updates + 1);
    assert_eq!(statistic(&gateway, "all_scopes").await, scopes + 1);
}

/// Clients keep their connections over a change of the listener.
async fn sharding_can_be_switched_under_load(protocol: Protocol) {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(protocol, &upstream).await;
    let client = Client::start(vec![gateway.client().get(gateway.url("/r"))]);
    client.enough().await;
    for (sharding, specifier) in [("none", "\"rds\""), ("host", "\"scoped_routes\""), ("none", "\"rds\"")] {
        gateway.sql(&format!("update gateways set sharding = '{sharding}'")).await.unwrap();
        let url = gateway.envoy_url("/config_dump?resource=dynamic_listeners").unwrap();
        eventually("Envoy has the other listener", async || {
            let dump: serde_json::Value =
                gateway.client().get(&url).send().await.unwrap().json().await.unwrap();
            dump["configs"][0]["active_state"].to_string().contains(specifier)
        })
        .await
        .unwrap();
        client.enough().await;
        // Routes still follow.
        gateway.sql(&route("new", HOST, "u")).await.unwrap();
        gateway.until("/new", 200).await.unwrap();
        gateway.sql("delete from routes where name = 'new'").await.unwrap();
        gateway.until("/new", 404).await.unwrap();
    }
    assert_eq!(client.finish().await, BTreeMap::new());
}
