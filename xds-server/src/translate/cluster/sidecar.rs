//! The cluster for call-outs of the filters.

use std::time::Duration;

use envoy_types::pb::envoy::{
    config::{
        cluster::v3::{
            CircuitBreakers, Cluster,
            circuit_breakers::Thresholds,
            cluster::{ClusterDiscoveryType, DiscoveryType},
        },
        core::v3::{Http2ProtocolOptions, KeepaliveSettings},
        endpoint::v3::{ClusterLoadAssignment, LocalityLbEndpoints},
    },
    extensions::upstreams::http::v3::{
        HttpProtocolOptions, http_protocol_options::explicit_http_config::ProtocolConfig,
    },
};
use ferrox_policy::sidecar::Address;

use super::{connections::explicit, protocol_options};
use crate::translate::{SIDECAR_CLUSTER, proto};

/// The cluster for call-outs of the filters. HTTP/2 halves what a call costs the sidecar.
pub(in crate::translate) fn sidecar(address: &Address) -> Cluster {
    let thresholds = Thresholds {
        // One call for each request in flight that a limit or the cache looks at: never the bottleneck.
        max_connections: proto::number(10_000),
        max_pending_requests: proto::number(100_000),
        max_requests: proto::number(100_000),
        ..Thresholds::default()
    };
    // All calls share one connection for each worker: one that died in silence must not swallow them for minutes.
    let keepalive = KeepaliveSettings {
        interval: proto::seconds(5),
        timeout: proto::seconds(2),
        ..KeepaliveSettings::default()
    };
    let http2 =
        Http2ProtocolOptions { connection_keepalive: Some(keepalive), ..Http2ProtocolOptions::default() };
    let endpoint = match address {
        Address::Tcp(address) => proto::endpoint(&address.ip(), address.port()),
        Address::Unix(path) => proto::pipe_endpoint(path),
    };
    let endpoints = LocalityLbEndpoints { lb_endpoints: vec![endpoint], ..LocalityLbEndpoints::default() };
    Cluster {
        name: SIDECAR_CLUSTER.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into())),
        load_assignment: Some(ClusterLoadAssignment {
            cluster_name: SIDECAR_CLUSTER.to_owned(),
            endpoints: vec![endpoints],
            ..ClusterLoadAssignment::default()
        }),
        connect_timeout: proto::duration(Duration::from_millis(250)),
        circuit_breakers: Some(CircuitBreakers {
            thresholds: vec![thresholds],
            ..CircuitBreakers::default()
        }),
        typed_extension_protocol_options: protocol_options(&HttpProtocolOptions {
            upstream_protocol_options: Some(explicit(ProtocolConfig::Http2ProtocolOptions(http2))),
            ..HttpProtocolOptions::default()
        }),
        ..Cluster::default()
    }
}
