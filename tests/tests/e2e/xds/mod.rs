//! The rules of xDS as the real Envoy knows them, each in both variants of the protocol.

use ferrox_testbed::{
    bootstrap::Protocol,
    control_plane::ControlPlane,
    gateway::{Gateway, GatewayOptions},
    upstream::Upstream,
    wait::eventually,
};

use crate::rows;

mod reconnect;
mod refusal;
mod removal;
mod start;
mod tls;
mod warming;

/// Makes two tests of each function that takes a variant: `delta::…` and `sotw::…`.
macro_rules! in_both_variants {
    ($($test:ident),+ $(,)?) => {
        mod delta {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(ferrox_testbed::bootstrap::Protocol::Delta).await;
            })+
        }

        mod sotw {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(ferrox_testbed::bootstrap::Protocol::Sotw).await;
            })+
        }
    };
}
pub(crate) use in_both_variants;

fn speaking(protocol: Protocol) -> GatewayOptions {
    GatewayOptions { protocol, ..GatewayOptions::default() }
}

/// A gateway with the upstreams, and a route `r` to the first of them.
async fn gateway(options: GatewayOptions, upstreams: &[&Upstream]) -> Gateway {
    let mut rows: String = upstreams.iter().map(|upstream| rows::upstream(upstream)).collect();
    rows += &rows::route("r", upstreams[0].name());
    Gateway::start_with(&rows, options).await.unwrap()
}

/// Waits until a cluster is or is not among those that Envoy sends requests to.
async fn until_cluster(gateway: &Gateway, name: &str, there: bool) {
    let url = gateway.envoy_url("/clusters").unwrap();
    let line = format!("{name}::");
    eventually(&format!("cluster {name} is there: {there}"), async || {
        let clusters = gateway.client().get(&url).send().await.unwrap().text().await.unwrap();
        clusters.lines().any(|known| known.starts_with(&line)) == there
    })
    .await
    .unwrap();
}

/// How often Envoy gave up waiting for something, after 15 s, and went on without.
async fn waited_in_vain(gateway: &mut Gateway) -> u64 {
    let stats = gateway.envoy().unwrap().stats().await.unwrap();
    stats.iter().filter(|(name, _)| name.ends_with(".init_fetch_timeout")).map(|(_, count)| count).sum()
}

/// Waits until Envoy is connected to a control plane.
async fn until_connected(control_plane: &ControlPlane) {
    eventually("Envoy is connected", async || is_connected(control_plane).await).await.unwrap();
}

async fn is_connected(control_plane: &ControlPlane) -> bool {
    let status = control_plane.status().await.unwrap();
    status["nodes"].as_array().is_some_and(|nodes| !nodes.is_empty())
}
