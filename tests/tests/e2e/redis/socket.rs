//! A sidecar behind a Unix socket.

use ferrox_testbed::{
    gateway::{Gateway, GatewayOptions},
    upstream::Upstream,
};
use serde_json::json;

use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn the_filters_reach_the_sidecar_by_its_socket_also_after_it_was_killed() {
    let upstream = Upstream::start_new("u").unwrap();
    let limit = json!({"limits": [{
        "name": "burst", "by": "address", "requests": 1000, "window_seconds": 600, "on_store_failure": "deny",
    }]});
    let rows = [
        rows::upstream(&upstream),
        rows::route("limited", "u"),
        rows::policy("limited", "rate_limit", &limit),
    ];
    let options = GatewayOptions { sidecar_socket: true, ..GatewayOptions::default() };
    let mut gateway = Gateway::start_with(&rows.concat(), options).await.unwrap();
    assert!(gateway.sidecar.address().starts_with("unix:/"));
    gateway.until("/limited", 200).await.unwrap();

    // It is killed: its socket stays, and the next one takes it over.
    gateway.sidecar.service().kill().unwrap();
    gateway.until("/limited", 503).await.unwrap();
    gateway.sidecar.start().await.unwrap();
    gateway.until("/limited", 200).await.unwrap();
}
