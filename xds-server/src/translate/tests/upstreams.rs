//! Upstreams as clusters and endpoints.

use envoy_types::pb::envoy::{
    config::{
        cluster::v3::Cluster,
        core::v3::{address::Address, data_source::Specifier, transport_socket::ConfigType},
        endpoint::v3::{ClusterLoadAssignment, lb_endpoint::HostIdentifier},
    },
    extensions::transport_sockets::tls::v3::{UpstreamTlsContext, common_tls_context::ValidationContextType},
};
use prost::Message;
use serde_json::json;

use super::snapshot;
use crate::{
    model::sample::{endpoint, sound},
    snapshot::{Kind, Snapshot},
    store::{EndpointRow, UpstreamRow},
    translate::cluster,
};

#[test]
fn a_change_of_endpoints_leaves_the_cluster_and_its_breaker_alone() {
    let before = snapshot(&sound());
    let mut rows = sound();
    rows.endpoints[0].port += 1;
    let after = snapshot(&rows);
    let changed = |kind| before.all(kind).zip(after.all(kind)).filter(|(a, b)| a != b).count();
    assert_eq!(Kind::ALL.map(changed), [0, 1, 0, 0, 0, 0, 0]);
}

#[test]
fn every_upstream_has_a_cluster_and_endpoints_and_the_sidecar_has_its_own() {
    let snapshot = snapshot(&sound());
    let names = |kind| snapshot.all(kind).map(|resource| resource.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(Kind::Cluster), ["ferrox_sidecar", "orders", "users"]);
    assert_eq!(names(Kind::Endpoints), ["orders", "users"]);
    let orders = snapshot.get(Kind::Cluster, "orders").unwrap();
    assert_eq!(Cluster::decode(orders.encoded().as_ref()).unwrap().name, "orders");
}

#[test]
fn the_sidecar_may_be_behind_a_unix_socket() {
    let address = |sidecar: &str| {
        let cluster = cluster::sidecar(&sidecar.parse().unwrap());
        let endpoint = cluster.load_assignment.unwrap().endpoints[0].lb_endpoints[0].clone();
        let Some(HostIdentifier::Endpoint(endpoint)) = endpoint.host_identifier else {
            panic!("an endpoint")
        };
        endpoint.address.unwrap().address.unwrap()
    };
    assert!(matches!(address("unix:/run/s.sock"), Address::Pipe(pipe) if pipe.path == "/run/s.sock"));
    assert!(matches!(address("[::1]:7379"), Address::SocketAddress(socket) if socket.address == "::1"));
}

/// A cluster after a change of its upstream.
fn cluster(change: impl FnOnce(&mut UpstreamRow)) -> Cluster {
    let mut rows = sound();
    change(&mut rows.upstreams[0]);
    Cluster::decode(snapshot(&rows).get(Kind::Cluster, "orders").unwrap().encoded().as_ref()).unwrap()
}

#[test]
fn an_upstream_that_names_no_authorities_is_trusted_by_those_of_the_system() {
    let cluster = cluster(|row| row.tls = Some(json!({"sni": "a.test"})));
    let Some(ConfigType::TypedConfig(context)) = cluster.transport_socket.unwrap().config_type else {
        panic!("a socket with TLS");
    };
    let context = UpstreamTlsContext::decode(context.value.as_slice()).unwrap();
    assert!(context.auto_sni_san_validation);
    let Some(ValidationContextType::ValidationContext(validation)) =
        context.common_tls_context.unwrap().validation_context_type
    else {
        panic!("certificates are verified");
    };
    let file = validation.trusted_ca.unwrap().specifier;
    assert_eq!(file, Some(Specifier::Filename("/ca.pem".to_owned())));
}

#[test]
fn an_upstream_that_dns_finds_has_its_endpoints_in_its_cluster() {
    let mut rows = sound();
    rows.upstreams[0].discovery = "logical_dns".to_owned();
    rows.endpoints[0].address = "a.test".to_owned();
    let snapshot = snapshot(&rows);
    assert!(snapshot.get(Kind::Endpoints, "orders").is_none());
    let cluster = Cluster::decode(snapshot.get(Kind::Cluster, "orders").unwrap().encoded().as_ref()).unwrap();
    assert!(cluster.eds_cluster_config.is_none());
    assert_eq!(cluster.load_assignment.unwrap().endpoints[0].lb_endpoints.len(), 1);
}

#[test]
fn endpoints_are_grouped_by_priority_and_zone_without_gaps() {
    let at = |address: &str, priority, zone: &str, weight| EndpointRow {
        priority,
        zone: zone.to_owned(),
        weight,
        ..endpoint("orders", address, 80)
    };
    let mut rows = sound();
    rows.endpoints = vec![
        at("10.0.0.1", 9, "a", 1),
        at("10.0.0.2", 2, "b", 2),
        at("10.0.0.3", 2, "a", 3),
        at("10.0.0.4", 2, "b", 4),
    ];
    let snapshot = snapshot(&rows);
    let encoded = snapshot.get(Kind::Endpoints, "orders").unwrap().encoded();
    let sent = ClusterLoadAssignment::decode(encoded.as_ref()).unwrap().endpoints;
    let groups: Vec<_> = sent
        .iter()
        .map(|group| {
            let zone = group.locality.as_ref().unwrap().zone.as_str();
            let weight = group.load_balancing_weight.unwrap().value;
            (group.priority, zone, weight, group.lb_endpoints.len())
        })
        .collect();
    assert_eq!(groups, [(0, "a", 3, 1), (0, "b", 6, 2), (1, "a", 1, 1)]);
}

#[test]
fn force_open_changes_the_endpoints_and_not_the_cluster() {
    let forced = |force: Option<&str>| {
        let mut rows = sound();
        rows.upstreams[0].force = force.map(str::to_owned);
        snapshot(&rows)
    };
    let of = |snapshot: &Snapshot, kind| snapshot.get(kind, "orders").unwrap().encoded().clone();
    let (free, open, closed) = (forced(None), forced(Some("open")), forced(Some("closed")));
    assert_eq!(of(&free, Kind::Cluster), of(&open, Kind::Cluster));
    assert_ne!(of(&free, Kind::Endpoints), of(&open, Kind::Endpoints));
    assert_ne!(of(&free, Kind::Cluster), of(&closed, Kind::Cluster));
    assert_eq!(of(&free, Kind::Endpoints), of(&closed, Kind::Endpoints));
}
