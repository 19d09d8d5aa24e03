//! Endpoints that DNS finds.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream, wait::eventually};

use crate::{load::Client, rows};

/// An upstream that is found by the name `localhost`.
fn by_name(upstream: &Upstream, columns: &str) -> String {
    let rows = rows::routed(upstream, columns);
    rows + &format!("update endpoints set address = 'localhost' where port = {};", upstream.port())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_is_found_by_its_name() {
    let (strict, logical) = (Upstream::start_new("strict").unwrap(), Upstream::start_new("logical").unwrap());
    let rows = by_name(&strict, "discovery = 'strict_dns', dns_refresh_ms = 1000")
        + &by_name(&logical, "discovery = 'logical_dns'");
    let gateway = Gateway::start(&rows).await.unwrap();
    for upstream in [&strict, &logical] {
        let path = format!("/{}", upstream.name());
        assert_eq!(gateway.get(&path).await.unwrap().status(), 200);
        assert_eq!(upstream.requests(&path), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_nobody_knows_hurts_its_upstream_only() {
    let (lost, found) = (Upstream::start_new("lost").unwrap(), Upstream::start_new("found").unwrap());
    let rows = by_name(&lost, "discovery = 'strict_dns'") + &rows::routed(&found, "failures = 5");
    let nowhere = format!("update endpoints set address = 'nowhere.invalid' where port = {};", lost.port());
    let gateway = Gateway::start(&(rows + &nowhere)).await.unwrap();
    assert_eq!(gateway.get("/found").await.unwrap().status(), 200);
    assert_eq!(gateway.get("/lost").await.unwrap().status(), 503);
    gateway
        .sql(&format!("update endpoints set address = 'localhost' where port = {}", lost.port()))
        .await
        .unwrap();
    gateway.until("/lost", 200).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_how_an_upstream_is_found_loses_no_request() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = Gateway::start(&rows::routed(&upstream, "failures = 5")).await.unwrap();
    let client = Client::start(vec![gateway.client().get(gateway.url("/u"))]);
    for (discovery, address) in [
        ("strict_dns", "localhost"),
        ("logical_dns", "localhost"),
        ("strict_dns", "127.0.0.1"),
        ("static", "127.0.0.1"),
    ] {
        let change = format!(
            "update upstreams set discovery = '{discovery}'; update endpoints set address = '{address}'"
        );
        gateway.sql(&change).await.unwrap();
        let is_dns = discovery != "static";
        eventually(&format!("Envoy finds it by {discovery}"), async || {
            let url = gateway.envoy_url("/config_dump?resource=dynamic_active_clusters").unwrap();
            let dump: serde_json::Value =
                gateway.client().get(url).send().await.unwrap().json().await.unwrap();
            let clusters = dump["configs"].as_array().unwrap();
            let cluster = &clusters.iter().find(|c| c["cluster"]["name"] == "u").unwrap()["cluster"];
            let logical = cluster["cluster_type"]["typed_config"]["all_addresses_in_single_endpoint"] == true;
            cluster["cluster_type"].is_object() == is_dns && logical == (discovery == "logical_dns")
        })
        .await
        .unwrap();
        client.enough().await;
    }
    let failures = client.finish().await;
    assert!(failures.is_empty(), "{failures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_is_forced_open_for_a_name_too() {
    let upstream = Upstream::start_new("u").unwrap();
    for discovery in ["strict_dns", "logical_dns"] {
        let columns = format!("discovery = '{discovery}', force = 'open'");
        let gateway = Gateway::start(&by_name(&upstream, &columns)).await.unwrap();
        assert_eq!(gateway.get("/u").await.unwrap().text().await.unwrap(), "no healthy upstream");
        gateway.sql("update upstreams set force = null").await.unwrap();
        gateway.until("/u", 200).await.unwrap();
    }
}
