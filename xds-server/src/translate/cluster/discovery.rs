//! How a cluster finds its endpoints.

use std::time::Duration;

use envoy_types::pb::{
    envoy::{
        config::{
            cluster::v3::cluster::{
                ClusterDiscoveryType, CustomClusterType, DiscoveryType, EdsClusterConfig,
            },
            core::v3::TypedExtensionConfig,
        },
        extensions::{
            clusters::{common::dns::v3::DnsLookupFamily, dns::v3::DnsCluster},
            network::dns_resolver::cares::v3::CaresDnsResolverConfig,
        },
    },
    google::protobuf::UInt64Value,
};

use crate::{model::Discovery, translate::proto};

pub(super) fn kind(discovery: Discovery) -> ClusterDiscoveryType {
    match discovery {
        Discovery::Static => ClusterDiscoveryType::Type(DiscoveryType::Eds.into()),
        Discovery::StrictDns(refresh) => dns(refresh, false),
        Discovery::LogicalDns(refresh) => dns(refresh, true),
    }
}

pub(super) fn eds(discovery: Discovery) -> Option<EdsClusterConfig> {
    (discovery == Discovery::Static)
        .then(|| EdsClusterConfig { eds_config: proto::ads(), ..EdsClusterConfig::default() })
}

fn dns(refresh: Duration, all_addresses_in_single_endpoint: bool) -> ClusterDiscoveryType {
    let cluster = DnsCluster {
        dns_refresh_rate: proto::duration(refresh),
        typed_dns_resolver_config: Some(resolver()),
        // By default only IPv6 where there is any, also on a machine that has no way to it.
        dns_lookup_family: DnsLookupFamily::V4Preferred.into(),
        all_addresses_in_single_endpoint,
        ..DnsCluster::default()
    };
    ClusterDiscoveryType::ClusterType(CustomClusterType {
        name: "envoy.clusters.dns".to_owned(),
        typed_config: Some(proto::any(&cluster)),
    })
}

/// The system's DNS servers, with little patience: an Envoy that starts waits for the first answer or failure for every
/// cluster before it listens. With a server that is silent that takes two minutes by default, and less than five seconds so.
fn resolver() -> TypedExtensionConfig {
    let config = CaresDnsResolverConfig {
        query_timeout_seconds: Some(UInt64Value { value: 1 }),
        query_tries: proto::number(2),
        ..CaresDnsResolverConfig::default()
    };
    TypedExtensionConfig {
        name: "envoy.network.dns_resolver.cares".to_owned(),
        typed_config: Some(proto::any(&config)),
    }
}
