//! A cluster is not used until it has its endpoints, and nothing may keep it waiting.

use ferrox_testbed::{bootstrap::Protocol, gateway::Gateway, upstream::Upstream, wait::eventually};

use super::{gateway, in_both_variants, speaking, until_cluster, waited_in_vain};
use crate::{load::Client, rows};

in_both_variants!(
    a_cluster_that_changes_under_load_warms_at_once_and_fails_no_request,
    an_upstream_without_endpoints_keeps_nothing_waiting,
);

/// In state of the world Envoy asks again for the endpoints of a changed cluster, in delta it says nothing.
async fn a_cluster_that_changes_under_load_warms_at_once_and_fails_no_request(protocol: Protocol) {
    let upstream = Upstream::start_new("u").unwrap();
    let mut gateway = gateway(speaking(protocol), &[&upstream]).await;
    let client = Client::start(vec![gateway.client().get(gateway.url("/r"))]);
    for timeout in [701, 702, 703] {
        let change = format!("update upstreams set connect_timeout_ms = {timeout}");
        gateway.sql(&change).await.unwrap();
        until_active(&gateway, &format!("0.{timeout}s")).await;
        client.enough().await;
    }
    // With its endpoints in the same change.
    let other = Upstream::start_new("u").unwrap();
    let moved = format!(
        "update upstreams set connect_timeout_ms = 704; update endpoints set port = {}",
        other.port()
    );
    gateway.sql(&moved).await.unwrap();
    until_active(&gateway, "0.704s").await;
    eventually("requests go to the new endpoint", async || other.requests("/r") > 0).await.unwrap();
    client.enough().await;
    assert_eq!(client.finish().await, std::collections::BTreeMap::new());
    assert_eq!(gateway.envoy().unwrap().stat("cluster_manager.warming_clusters").await.unwrap(), 0);
    assert_eq!(waited_in_vain(&mut gateway).await, 0);
}

/// Waits until Envoy sends requests by the cluster that has this timeout.
async fn until_active(gateway: &Gateway, connect_timeout: &str) {
    let url = gateway.envoy_url("/config_dump?resource=dynamic_active_clusters").unwrap();
    eventually("the changed cluster is active", async || {
        let dump = gateway.client().get(&url).send().await.unwrap().text().await.unwrap();
        dump.contains(connect_timeout)
    })
    .await
    .unwrap();
}

async fn an_upstream_without_endpoints_keeps_nothing_waiting(protocol: Protocol) {
    let (one, two) = (Upstream::start_new("one").unwrap(), Upstream::start_new("two").unwrap());
    let mut gateway = gateway(speaking(protocol), &[&one]).await;
    // The same name more than once: Envoy has heard that it is gone.
    for _ in 0..2 {
        gateway
            .sql(&format!(
                "insert into upstreams (name) values ('two'), ('three'); {}{}",
                rows::route("empty", "two"),
                rows::route("fine", "one")
            ))
            .await
            .unwrap();
        gateway.until("/fine", 200).await.unwrap();
        gateway.until("/empty", 503).await.unwrap();
        let endpoint = format!("insert into endpoints values ('two', '127.0.0.1', {})", two.port());
        gateway.sql(&endpoint).await.unwrap();
        gateway.until("/empty", 200).await.unwrap();
        gateway.sql("delete from endpoints where upstream = 'two'").await.unwrap();
        gateway.until("/empty", 503).await.unwrap();
        gateway
            .sql(
                "delete from routes where name in ('empty', 'fine');
                 delete from upstreams where name in ('two', 'three')",
            )
            .await
            .unwrap();
        gateway.until("/empty", 404).await.unwrap();
        until_cluster(&gateway, "two", false).await;
    }
    assert_eq!(gateway.envoy().unwrap().stat("cluster_manager.warming_clusters").await.unwrap(), 0);
    assert_eq!(waited_in_vain(&mut gateway).await, 0);
}
