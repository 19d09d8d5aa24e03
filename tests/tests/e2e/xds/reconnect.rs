//! Control planes come and go, and Envoy forgets nothing.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use ferrox_testbed::{
    bootstrap::Protocol,
    control_plane::ControlPlane,
    gateway::{Gateway, GatewayOptions},
    upstream::{Behaviour, Upstream},
    wait::eventually,
};

use super::{gateway, in_both_variants, is_connected, speaking, until_cluster, until_connected};
use crate::{load::Client, rows};

in_both_variants!(
    another_replica_or_a_new_start_changes_nothing_in_envoy,
    a_change_made_while_the_control_plane_is_away_arrives_under_load_and_fails_no_request
);

/// What Envoy counts of its configuration: versions and what was made anew, but not how often it asked.
pub(super) struct Memory(BTreeMap<String, u64>);

impl Memory {
    pub(super) async fn of(gateway: &mut Gateway) -> Self {
        let mut stats = gateway.envoy().unwrap().stats().await.unwrap();
        stats.retain(|name, _| {
            let manager = name.starts_with("cluster_manager.cluster_")
                || name.starts_with("listener_manager.listener_");
            // What is asked for by name has one version for all in state of the world, whatever was asked for.
            let version = name.ends_with("ds.version");
            let content = [".config_reload", ".update_rejected", ".config_fail"];
            manager || version || content.iter().any(|end| name.ends_with(end))
        });
        Self(stats)
    }

    /// That nothing has changed since then but the routes, once.
    pub(super) async fn assert_one_route_change(mut self, gateway: &mut Gateway) {
        *self.0.get_mut(RELOADS).unwrap() += 1;
        assert_eq!(self.0, Self::of(gateway).await.0);
    }
}

const RELOADS: &str = "http.ferrox.rds.ferrox.config_reload";

/// An open breaker stays open, since its cluster is not made anew.
async fn another_replica_or_a_new_start_changes_nothing_in_envoy(protocol: Protocol) {
    let (upstream, flaky) = (Upstream::start_new("u").unwrap(), Upstream::start_new("flaky").unwrap());
    let options = GatewayOptions { replica: true, ..speaking(protocol) };
    let mut gateway = gateway(options, &[&upstream, &flaky]).await;
    let breaker = "update upstreams set failures = 1, open_for_ms = 3600000 where name = 'flaky';";
    gateway.sql(&(breaker.to_owned() + &rows::route("flaky", "flaky"))).await.unwrap();
    until_cluster(&gateway, "flaky", true).await;
    flaky.behave(Behaviour::Fail(StatusCode::INTERNAL_SERVER_ERROR));
    gateway.until("/flaky", 503).await.unwrap();
    flaky.behave(Behaviour::Answer);
    for route in ["first", "second"] {
        until_both_serve_the_same(&gateway).await;
        let before = Memory::of(&mut gateway).await;
        let (gone, left) = control_planes(&mut gateway).await;
        gone.service().kill().unwrap();
        until_connected(left).await;
        // It comes back, and is the one that is left the next time.
        gone.start().await.unwrap();
        // A change arrives after whatever the reconnect brought.
        gateway.sql(&rows::route(route, "u")).await.unwrap();
        gateway.until(&format!("/{route}"), 200).await.unwrap();
        before.assert_one_route_change(&mut gateway).await;
        let (connected, _) = control_planes(&mut gateway).await;
        assert_eq!(sent(connected).await, expected_after_reconnect(protocol));
        assert_eq!(gateway.get("/flaky").await.unwrap().status(), 503);
    }
}

/// How many responses of each kind a control plane has sent, where it has sent any.
async fn sent(control_plane: &ControlPlane) -> Vec<(&'static str, bool)> {
    let mut sent = Vec::new();
    for kind in ["clusters", "listeners", "endpoints", "extension_configs"] {
        let metric = format!("ferrox_xds_responses_sent_total{{kind=\"{kind}\"}}");
        sent.push((kind, control_plane.metric(&metric).await.unwrap() > 0));
    }
    sent
}

/// In state of the world, what is asked for by name is sent again: the version does not say what Envoy still has. It
/// finds the content unchanged.
fn expected_after_reconnect(protocol: Protocol) -> Vec<(&'static str, bool)> {
    let again = protocol == Protocol::Sotw;
    vec![("clusters", false), ("listeners", false), ("endpoints", again), ("extension_configs", again)]
}

async fn until_both_serve_the_same(gateway: &Gateway) {
    let release = async |control_plane: &ControlPlane| {
        control_plane.status().await.unwrap()["release"]["digest"].clone()
    };
    let replica = gateway.replica.as_ref().unwrap();
    eventually("both control planes serve the same", async || {
        release(&gateway.control_plane).await == release(replica).await
    })
    .await
    .unwrap();
}

/// The control plane that Envoy is connected to, and the other.
async fn control_planes(gateway: &mut Gateway) -> (&mut ControlPlane, &mut ControlPlane) {
    let (one, two) = (&mut gateway.control_plane, gateway.replica.as_mut().unwrap());
    match is_connected(one).await {
        true => (one, two),
        false => (two, one),
    }
}

/// In delta the change removes an upstream too. In state of the world Envoy names a version only: the control plane that
/// comes back cannot know of what it should keep for the routes that still lead there.
async fn a_change_made_while_the_control_plane_is_away_arrives_under_load_and_fails_no_request(
    protocol: Protocol,
) {
    let upstreams = ["one", "two", "three"].map(|name| Upstream::start_new(name).unwrap());
    let mut gateway = gateway(speaking(protocol), &[&upstreams[0]]).await;
    let client = Client::start(vec![gateway.client().get(gateway.url("/r"))]);
    for pair in upstreams.windows(2) {
        let (old, new) = (&pair[0], &pair[1]);
        gateway.control_plane.service().kill().unwrap();
        client.enough().await;
        let change = match protocol {
            Protocol::Delta => rows::takeover(old, new) + &rows::removal(old),
            Protocol::Sotw => rows::upstream(new) + &rows::target("r", new.name()),
        };
        gateway.sql(&change).await.unwrap();
        gateway.control_plane.start().await.unwrap();
        eventually("requests go to the new upstream", async || new.requests("/r") > 0).await.unwrap();
        client.enough().await;
        until_cluster(&gateway, old.name(), protocol == Protocol::Sotw).await;
    }
    assert_eq!(client.finish().await, BTreeMap::new());
}
