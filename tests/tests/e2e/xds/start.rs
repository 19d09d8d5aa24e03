//! Envoy starts at once, and nothing is said to it that is not known.

use ferrox_testbed::{
    bootstrap::{Bootstrap, Protocol},
    envoy::{Envoy, EnvoyPorts},
    gateway::{Gateway, GatewayOptions},
    upstream::Upstream,
    wait::eventually,
};

use super::{gateway, in_both_variants, reconnect::Memory, speaking, until_connected, waited_in_vain};
use crate::rows;

in_both_variants!(
    an_empty_database_is_answered_at_once,
    a_gateway_that_nobody_knows_is_answered_at_once_and_can_be_made_later,
    nothing_is_said_before_the_database_was_read
);

/// Envoy asks for listeners only when its clusters are answered.
async fn an_empty_database_is_answered_at_once(protocol: Protocol) {
    let mut gateway = Gateway::start_with("", speaking(protocol)).await.unwrap();
    assert_eq!(gateway.get("/").await.unwrap().status(), 404);
    assert_eq!(waited_in_vain(&mut gateway).await, 0);
    assert!(gateway.ended().unwrap().is_empty());
}

async fn a_gateway_that_nobody_knows_is_answered_at_once_and_can_be_made_later(protocol: Protocol) {
    let upstream = Upstream::start_new("u").unwrap();
    let mut gateway = gateway(speaking(protocol), &[&upstream]).await;
    gateway.envoy().unwrap().service().stop().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bootstrap = Bootstrap { gateway: "edge", ..gateway.bootstrap("envoy-2") };
    let envoy = Envoy::start_in(folder.path(), EnvoyPorts::free().unwrap(), &bootstrap).await.unwrap();
    let stats = envoy.stats().await.unwrap();
    assert!(gateway.get("/r").await.is_err(), "nobody listens");
    assert_eq!(stats["cluster_manager.cds.init_fetch_timeout"], 0);
    assert_eq!(stats["listener_manager.lds.init_fetch_timeout"], 0);

    gateway.sql("insert into gateways values ('edge'); update routes set gateways = '{edge}'").await.unwrap();
    gateway.until("/r", 200).await.unwrap();
}

/// An empty answer would remove every listener and cluster.
async fn nothing_is_said_before_the_database_was_read(protocol: Protocol) {
    let upstream = Upstream::start_new("u").unwrap();
    let options = GatewayOptions { own_postgres: true, ..speaking(protocol) };
    let mut gateway = gateway(options, &[&upstream]).await;
    let before = Memory::of(&mut gateway).await;
    gateway.control_plane.service().kill().unwrap();
    gateway.postgres().unwrap().service().stop().await.unwrap();
    gateway.control_plane.launch().await.unwrap();
    until_connected(&gateway.control_plane).await;
    eventually("the database is missed", async || {
        gateway.control_plane.status().await.unwrap()["database_error"].is_string()
    })
    .await
    .unwrap();
    assert_eq!(gateway.get("/r").await.unwrap().status(), 200);
    assert_eq!(gateway.control_plane.metric("ferrox_xds_responses_sent_total").await.unwrap(), 0);

    gateway.postgres().unwrap().start().await.unwrap();
    gateway.control_plane.start().await.unwrap();
    // A change arrives after whatever else there was to say.
    gateway.sql(&rows::route("new", "u")).await.unwrap();
    gateway.until("/new", 200).await.unwrap();
    before.assert_one_route_change(&mut gateway).await;
}
