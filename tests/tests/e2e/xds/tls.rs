//! Mutual TLS: an Envoy is served as the node that its certificate names, and as no other.

use ferrox_testbed::{
    bootstrap::{Bootstrap, Protocol},
    envoy::{Envoy, EnvoyPorts},
    gateway::{Gateway, GatewayOptions},
    tls::{MutualTls, TlsFiles},
    upstream::Upstream,
    wait::eventually,
};
use tempfile::TempDir;

use super::{gateway, in_both_variants, speaking};
use crate::{authority::Authority, rows};

in_both_variants!(an_envoy_is_served_as_the_node_of_its_certificate_and_as_no_other);

/// The name that `envoy/bootstrap.yaml` expects in the control plane's certificate.
const CONTROL_PLANE: &str = "xds.ferrox.internal";

/// Streams that were denied since their node is not that of the certificate.
const DENIED: &str = "ferrox_xds_denied_nodes_total";

async fn an_envoy_is_served_as_the_node_of_its_certificate_and_as_no_other(protocol: Protocol) {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
    let files = |name| authority.files(folder.path(), name);
    let tls = MutualTls { control_plane: files(CONTROL_PLANE), envoy: files("envoy-1.ferrox") };
    let upstream = Upstream::start_new("u").unwrap();
    let options = GatewayOptions { tls: Some(tls), ..speaking(protocol) };
    let mut gateway = gateway(options, &[&upstream]).await;
    assert_eq!(gateway.get("/r").await.unwrap().status(), 200);
    gateway.sql(&rows::route("new", "u")).await.unwrap();
    gateway.until("/new", 200).await.unwrap();
    assert_eq!(gateway.control_plane.metric(DENIED).await.unwrap(), 0);
    gateway.envoy().unwrap().service().stop().await.unwrap();

    // Its certificate is for envoy-1 of ferrox.
    let another_node = gateway.bootstrap("envoy-2");
    is_denied(&gateway, &folder, &another_node).await;
    let another_gateway = Bootstrap { gateway: "edge", ..gateway.bootstrap("envoy-1") };
    is_denied(&gateway, &folder, &another_gateway).await;
    // One for any node of the gateway.
    let any = files("ferrox");
    let envoy = launch(&folder, &Bootstrap { tls: Some(&any), ..another_node }).await;
    gateway.until("/r", 200).await.unwrap();
    drop(envoy);

    let denied = gateway.control_plane.metric(DENIED).await.unwrap();
    cannot_connect(&folder, &gateway.bootstrap("envoy-1"), |text| without_certificate(&text)).await;
    let stranger = Authority::new();
    let strange_folder = TempDir::new().unwrap();
    let strange = stranger.files(strange_folder.path(), "envoy-1.ferrox");
    let strange = TlsFiles { authority: any.authority.clone(), ..strange };
    let bootstrap = Bootstrap { tls: Some(&strange), ..gateway.bootstrap("envoy-1") };
    cannot_connect(&folder, &bootstrap, |text| text).await;
    assert_eq!(gateway.control_plane.metric(DENIED).await.unwrap(), denied, "not even as anybody");
}

async fn launch(folder: &TempDir, bootstrap: &Bootstrap<'_>) -> Envoy {
    let ports = EnvoyPorts::free().unwrap();
    let text = bootstrap.text(&ports).unwrap();
    Envoy::launch_from(folder.path(), bootstrap.node, ports, &text).await.unwrap()
}

/// The control plane counts it and logs it, and Envoy has nothing.
async fn is_denied(gateway: &Gateway, folder: &TempDir, bootstrap: &Bootstrap<'_>) {
    let before = gateway.control_plane.metric(DENIED).await.unwrap();
    let envoy = launch(folder, bootstrap).await;
    eventually("the node is denied, and again when it tries again", async || {
        gateway.control_plane.metric(DENIED).await.unwrap() >= before + 2
    })
    .await
    .unwrap();
    has_nothing(&envoy).await;
    assert_eq!(gateway.status().await.unwrap()["nodes"], serde_json::json!([]));
    let log = gateway.control_plane.log_tail(20);
    assert!(log.contains("node denied by its certificate"), "{log}");
}

async fn cannot_connect(folder: &TempDir, bootstrap: &Bootstrap<'_>, change: impl Fn(String) -> String) {
    let ports = EnvoyPorts::free().unwrap();
    let text = change(bootstrap.text(&ports).unwrap());
    let envoy = Envoy::launch_from(folder.path(), bootstrap.node, ports, &text).await.unwrap();
    eventually("Envoy has tried and tried again", async || {
        envoy.stat("cluster_manager.cds.update_failure").await.unwrap() >= 2
    })
    .await
    .unwrap();
    has_nothing(&envoy).await;
}

async fn has_nothing(envoy: &Envoy) {
    let stats = envoy.stats().await.unwrap();
    for stat in ["cluster_manager.cds.update_success", "listener_manager.lds.update_success"] {
        assert_eq!(stats[stat], 0, "{stat}");
    }
}

/// The bootstrap without the lines of Envoy's own certificate.
fn without_certificate(bootstrap: &str) -> String {
    let own = ["tls_certificates:", "certificate_chain:", "private_key:"];
    let lines = bootstrap.lines().filter(|line| !own.iter().any(|own| line.contains(own)));
    lines.map(|line| line.to_owned() + "\n").collect()
}
