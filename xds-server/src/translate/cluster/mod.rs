//! Upstreams and the sidecar as Envoy's clusters (CDS).

mod balancing;
mod breaker;
mod connections;
mod discovery;
mod health_check;
mod sidecar;
mod tls;

use std::{collections::HashMap, path::Path};

use envoy_types::pb::{
    envoy::{config::cluster::v3::Cluster, extensions::upstreams::http::v3::HttpProtocolOptions},
    google::protobuf::Any,
};
use prost::Name;

pub(super) use self::sidecar::sidecar;
use super::{endpoints, proto};
use crate::model::{Discovery, Upstream};

/// The cluster of an upstream. A change of any field makes Envoy build it anew and forget its breaker, so its endpoints
/// are a resource of their own, where Envoy takes them so: it does not those that DNS finds.
pub(super) fn upstream(upstream: &Upstream, trusted_ca: &Path) -> Cluster {
    let Upstream { discovery, balancing, connections, breaker, .. } = upstream;
    Cluster {
        name: upstream.name.to_string(),
        cluster_discovery_type: Some(discovery::kind(*discovery)),
        eds_cluster_config: discovery::eds(*discovery),
        load_assignment: (*discovery != Discovery::Static).then(|| endpoints::of(upstream)),
        lb_policy: balancing::policy(*balancing).into(),
        lb_config: balancing::config(*balancing),
        common_lb_config: Some(breaker::common_lb_config()),
        connect_timeout: proto::duration(connections.connect_timeout),
        upstream_connection_options: connections::tcp(connections),
        transport_socket: upstream.tls.as_ref().map(|tls| tls::socket(tls, connections.protocol, trusted_ca)),
        health_checks: health_check::of(upstream).into_iter().collect(),
        circuit_breakers: Some(breaker::limits(breaker)),
        outlier_detection: Some(breaker::outlier_detection(breaker)),
        typed_extension_protocol_options: protocol_options(&HttpProtocolOptions {
            outlier_detection: breaker::errors(breaker),
            ..connections::http(connections)
        }),
        ..Cluster::default()
    }
}

/// One entry, so that its encoding is canonical.
fn protocol_options(options: &HttpProtocolOptions) -> HashMap<String, Any> {
    HashMap::from([(HttpProtocolOptions::full_name(), proto::any(options))])
}
