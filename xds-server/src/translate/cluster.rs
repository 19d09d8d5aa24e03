//! Upstreams and the sidecar as Envoy's clusters (CDS).

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use envoy_types::pb::envoy::{
    config::{
        cluster::v3::{
            CircuitBreakers, Cluster, OutlierDetection,
            circuit_breakers::Thresholds,
            cluster::{ClusterDiscoveryType, CommonLbConfig, DiscoveryType, EdsClusterConfig},
        },
        core::v3::{Http1ProtocolOptions, Http2ProtocolOptions, KeepaliveSettings},
        endpoint::v3::ClusterLoadAssignment,
    },
    extensions::upstreams::http::v3::{
        HttpProtocolOptions,
        http_protocol_options::{
            ExplicitHttpConfig, UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
        },
    },
    r#type::v3::Percent,
};
use prost::Name;

use super::{SIDECAR_CLUSTER, proto};
use crate::model::{Breaker, Upstream};

/// The cluster of an upstream. A change of any field makes Envoy build it anew and forget its breaker, so the endpoints
/// are a resource of their own.
pub(super) fn upstream(upstream: &Upstream) -> Cluster {
    let breaker = &upstream.breaker;
    let thresholds = Thresholds {
        max_connections: proto::number(breaker.max_connections),
        max_pending_requests: proto::number(breaker.max_pending_requests),
        max_requests: proto::number(breaker.max_requests),
        max_retries: proto::number(breaker.max_retries),
        ..Thresholds::default()
    };
    Cluster {
        name: upstream.name.to_string(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig {
            eds_config: proto::ads(),
            ..EdsClusterConfig::default()
        }),
        connect_timeout: proto::duration(upstream.connect_timeout),
        circuit_breakers: Some(CircuitBreakers {
            thresholds: vec![thresholds],
            ..CircuitBreakers::default()
        }),
        outlier_detection: Some(outlier_detection(breaker)),
        common_lb_config: Some(common_lb_config()),
        typed_extension_protocol_options: http(ProtocolConfig::HttpProtocolOptions(
            Http1ProtocolOptions::default(),
        )),
        ..Cluster::default()
    }
}

/// Ejection of each endpoint as its breaker: it opens after so many failures in a row, and after the same time
/// each time it takes full traffic again.
fn outlier_detection(breaker: &Breaker) -> OutlierDetection {
    OutlierDetection {
        consecutive_5xx: proto::number(breaker.failures),
        enforcing_consecutive_5xx: proto::number(100),
        // An ejection ends at the first sweep after its time.
        interval: proto::duration(breaker.open_for / 10),
        base_ejection_time: proto::duration(breaker.open_for),
        // Above the base, each ejection would be longer than the last.
        max_ejection_time: proto::duration(breaker.open_for),
        // By default a tenth of the hosts, which is none of an upstream with fewer than ten.
        max_ejection_percent: proto::number(100),
        // The one detector is the count of failures in a row, in which refused connections count too.
        split_external_local_origin_errors: false,
        enforcing_success_rate: proto::number(0),
        enforcing_consecutive_gateway_failure: proto::number(0),
        enforcing_failure_percentage: proto::number(0),
        enforcing_consecutive_local_origin_failure: proto::number(0),
        enforcing_local_origin_success_rate: proto::number(0),
        enforcing_failure_percentage_local_origin: proto::number(0),
        ..OutlierDetection::default()
    }
}

fn common_lb_config() -> CommonLbConfig {
    CommonLbConfig {
        // In a panic Envoy sends traffic to ejected hosts after all.
        healthy_panic_threshold: Some(Percent { value: 0.0 }),
        // Merged updates let traffic through to a host for a second after it was ejected.
        update_merge_window: proto::seconds(0),
        ..CommonLbConfig::default()
    }
}

/// The cluster for call-outs of the filters. HTTP/2 halves what a call costs the sidecar.
pub(super) fn sidecar(address: SocketAddr) -> Cluster {
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
    Cluster {
        name: SIDECAR_CLUSTER.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into())),
        load_assignment: Some(ClusterLoadAssignment {
            cluster_name: SIDECAR_CLUSTER.to_owned(),
            endpoints: vec![proto::locality([address])],
            ..ClusterLoadAssignment::default()
        }),
        connect_timeout: proto::duration(Duration::from_millis(250)),
        circuit_breakers: Some(CircuitBreakers {
            thresholds: vec![thresholds],
            ..CircuitBreakers::default()
        }),
        typed_extension_protocol_options: http(ProtocolConfig::Http2ProtocolOptions(Http2ProtocolOptions {
            connection_keepalive: Some(keepalive),
            ..Http2ProtocolOptions::default()
        })),
        ..Cluster::default()
    }
}

/// One entry, so that its encoding is canonical.
fn http(protocol: ProtocolConfig) -> HashMap<String, envoy_types::pb::google::protobuf::Any> {
    let options = HttpProtocolOptions {
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(protocol),
        })),
        ..HttpProtocolOptions::default()
    };
    HashMap::from([(HttpProtocolOptions::full_name(), proto::any(&options))])
}
