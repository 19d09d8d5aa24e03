//! gRPC's own xDS client (Python) finds a service that has an upstream here, and follows it.

use ferrox_testbed::{
    gateway::Gateway,
    grpc::{GrpcCalls, GrpcService},
    wait::eventually,
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_grpc_client_finds_a_service_by_its_name_and_follows_every_change_without_a_failed_call() {
    let folder = tempfile::tempdir().unwrap();
    let one = GrpcService::start_in(folder.path(), "one").await.unwrap();
    let two = GrpcService::start_in(folder.path(), "two").await.unwrap();
    // No route uses it: it is there for those only who ask for it by name.
    let rows = format!(
        "insert into upstreams (name) values ('orders');
         insert into endpoints (upstream, address, port) values ('orders', '127.0.0.1', {});",
        one.port()
    );
    let mut gateway = Gateway::start(&rows).await.unwrap();
    let mut calls =
        GrpcCalls::start("xds:///orders", gateway.control_plane.xds_port(), "client-1", 600).unwrap();
    let answered_by = async |calls: &mut GrpcCalls, name: &str| {
        loop {
            let line = calls.next().await.unwrap().expect("calls go on");
            assert!(line.starts_with("OK "), "{line}");
            if line.starts_with(&format!("OK {name} ")) {
                return;
            }
        }
    };
    answered_by(&mut calls, "one").await;

    let moved = format!("update endpoints set port = {}, weight = 5, zone = 'b', priority = 7", two.port());
    gateway.sql(&moved).await.unwrap();
    answered_by(&mut calls, "two").await;

    gateway.control_plane.service().kill().unwrap();
    gateway.control_plane.start().await.unwrap();
    gateway.sql(&format!("update endpoints set port = {}", one.port())).await.unwrap();
    answered_by(&mut calls, "one").await;

    let client = async || {
        let status = gateway.status().await.unwrap();
        let nodes = status["nodes"].as_array().unwrap().clone();
        nodes.into_iter().find(|node| node["id"] == "client-1").unwrap_or_default()
    };
    eventually("the client has accepted all it was sent", async || {
        let resources = client().await["resources"].clone();
        resources.as_object().is_some_and(|kinds| kinds.values().all(|kind| kind["sent"] == kind["accepted"]))
    })
    .await
    .unwrap();
    let node = client().await;
    assert_eq!(node["variant"], "sotw");
    assert!(node["agent"].as_str().unwrap().starts_with("gRPC C-core"), "{node}");

    // Envoy, of the same gateway, is not told of the service.
    let status = gateway.status().await.unwrap();
    let envoy = status["nodes"].as_array().unwrap().iter().find(|node| node["id"] == "envoy-1").unwrap();
    assert_eq!(envoy["resources"]["listeners"]["refused"], json!(null));
    let clusters = gateway.client().get(gateway.envoy_url("/clusters").unwrap()).send().await.unwrap();
    assert!(!clusters.text().await.unwrap().contains("orders::"));

    let fails = async |calls: &mut GrpcCalls, why: &str| {
        eventually(why, async || {
            calls.next().await.unwrap().expect("calls go on").starts_with("UNAVAILABLE")
        })
        .await
        .unwrap();
    };
    gateway.sql("update upstreams set force = 'open'").await.unwrap();
    fails(&mut calls, "a breaker is open for the client too").await;
    gateway.sql("update upstreams set force = null").await.unwrap();
    eventually("calls succeed again", async || {
        calls.next().await.unwrap().expect("calls go on").starts_with("OK ")
    })
    .await
    .unwrap();

    gateway.sql("delete from endpoints").await.unwrap();
    fails(&mut calls, "calls fail at once when there is no endpoint").await;
}
