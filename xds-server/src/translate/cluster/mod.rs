//! Upstreams and the sidecar as Envoy's clusters (CDS).

mod breaker;
mod health_check;
mod sidecar;

use std::collections::HashMap;

use envoy_types::pb::{
    envoy::{
        config::{
            cluster::v3::{
                Cluster,
                cluster::{ClusterDiscoveryType, DiscoveryType, EdsClusterConfig},
            },
            core::v3::Http1ProtocolOptions,
        },
        extensions::upstreams::http::v3::{
            HttpProtocolOptions,
            http_protocol_options::{
                ExplicitHttpConfig, UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
            },
        },
    },
    google::protobuf::Any,
};
use prost::Name;

pub(super) use self::sidecar::sidecar;
use super::proto;
use crate::model::Upstream;

/// The cluster of an upstream. A change of any field makes Envoy build it anew and forget its breaker, so the endpoints
/// are a resource of their own.
pub(super) fn upstream(upstream: &Upstream) -> Cluster {
    let breaker = &upstream.breaker;
    Cluster {
        name: upstream.name.to_string(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig {
            eds_config: proto::ads(),
            ..EdsClusterConfig::default()
        }),
        connect_timeout: proto::duration(upstream.connect_timeout),
        circuit_breakers: Some(breaker::limits(breaker)),
        outlier_detection: Some(breaker::outlier_detection(breaker)),
        common_lb_config: Some(breaker::common_lb_config()),
        health_checks: health_check::probe(breaker).into_iter().collect(),
        typed_extension_protocol_options: http(HttpProtocolOptions {
            outlier_detection: breaker::errors(breaker),
            ..explicit(ProtocolConfig::HttpProtocolOptions(Http1ProtocolOptions::default()))
        }),
        ..Cluster::default()
    }
}

fn explicit(protocol: ProtocolConfig) -> HttpProtocolOptions {
    HttpProtocolOptions {
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(protocol),
        })),
        ..HttpProtocolOptions::default()
    }
}

/// One entry, so that its encoding is canonical.
fn http(options: HttpProtocolOptions) -> HashMap<String, Any> {
    HashMap::from([(HttpProtocolOptions::full_name(), proto::any(&options))])
}
