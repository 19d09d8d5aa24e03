//! What Envoy refuses (a NACK) is shown, harms nobody, and is not sent again.

use std::{fs, os::unix::fs::symlink};

use ferrox_testbed::{binaries, bootstrap::Protocol, gateway::Gateway, upstream::Upstream, wait::eventually};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{gateway, in_both_variants, speaking};
use crate::rows;

in_both_variants!(a_refusal_is_shown_and_harms_nobody_and_the_next_content_is_taken);

/// The compiled filters but this one, whose configuration Envoy therefore refuses. The control plane does not look.
fn filters_without(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in fs::read_dir(binaries::wasm().unwrap()).unwrap() {
        let file = file.unwrap();
        if file.file_name() != name {
            symlink(file.path(), folder.path().join(file.file_name())).unwrap();
        }
    }
    folder
}

async fn refused(gateway: &Gateway) -> Value {
    let status = gateway.status().await.unwrap();
    status["nodes"][0]["resources"]["extension_configs"]["refused"].clone()
}

/// How often Envoy took a configuration of the filter apart, and how often it could not use what it was sent.
async fn tries(gateway: &mut Gateway, filter: &str) -> (u64, u64) {
    let stats = gateway.envoy().unwrap().stats().await.unwrap();
    let stat = |end: &str| stats[&format!("extension_config_discovery.http_filter.{filter}.{end}")];
    (stat("config_reload"), stat("update_rejected"))
}

/// How many responses with configurations of filters were sent or refused.
async fn responses(gateway: &Gateway, what: &str) -> u64 {
    let metric = format!("ferrox_xds_responses_{what}_total{{kind=\"extension_configs\"}}");
    gateway.control_plane.metric(&metric).await.unwrap()
}

async fn a_refusal_is_shown_and_harms_nobody_and_the_next_content_is_taken(protocol: Protocol) {
    let upstream = Upstream::start_new("u").unwrap();
    let mut gateway = gateway(speaking(protocol), &[&upstream]).await;
    let filters = filters_without("ferrox_auth.wasm");
    gateway.control_plane.service().stop().await.unwrap();
    let folder = filters.path().to_str().unwrap();
    gateway.control_plane.service().set_variable("FERROX_WASM_DIR", folder);
    gateway.control_plane.start().await.unwrap();
    eventually("the refusal is shown", async || refused(&gateway).await["message"].is_string())
        .await
        .unwrap();
    let message = refused(&gateway).await["message"].as_str().unwrap().to_owned();
    assert!(message.contains("ferrox_auth.wasm"), "{message}");
    assert_eq!(responses(&gateway, "refused").await, 1);
    assert_eq!(tries(&mut gateway, "ferrox.auth").await, (2, 1));
    let sent = responses(&gateway, "sent").await;

    // What is new and good is taken.
    gateway.sql(&rows::route("new", "u")).await.unwrap();
    gateway.until("/new", 200).await.unwrap();
    assert_eq!(gateway.get("/r").await.unwrap().status(), 200);

    symlink(binaries::wasm().unwrap().join("ferrox_auth.wasm"), filters.path().join("ferrox_auth.wasm"))
        .unwrap();
    let key = rows::consumer("acme", "", "acme-key") + &rows::policy("new", "auth", &json!({"api_key": {}}));
    gateway.sql(&key).await.unwrap();
    gateway.until("/new", 401).await.unwrap();
    eventually("the key opens the door", async || {
        let request = gateway.client().get(gateway.url("/new")).header("x-api-key", "acme-key");
        request.send().await.unwrap().status() == 200
    })
    .await
    .unwrap();
    eventually("the refusal is history", async || refused(&gateway).await.is_null()).await.unwrap();
    assert_eq!(tries(&mut gateway, "ferrox.auth").await, (3, 1));
    assert_eq!(responses(&gateway, "sent").await, sent + 1, "what was refused is not sent again");
    assert_eq!(responses(&gateway, "refused").await, 1);
}
