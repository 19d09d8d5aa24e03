//! The real Envoy takes what the sample configuration becomes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed expectation in a test is a failed test"
)]

mod dry_run;
mod sample;

use std::sync::Arc;

use envoy_types::pb::{
    envoy::{
        config::{
            bootstrap::v3::{Bootstrap, bootstrap::StaticResources},
            cluster::v3::{
                Cluster,
                cluster::{ClusterDiscoveryType, DiscoveryType},
            },
            core::v3::{TransportSocket, transport_socket},
            endpoint::v3::ClusterLoadAssignment,
            listener::v3::{FilterChain, Listener, filter::ConfigType},
            route::v3::{RouteConfiguration, ScopedRouteConfiguration},
        },
        extensions::{
            filters::network::http_connection_manager::v3::{
                HttpConnectionManager, ScopedRouteConfigurationsList,
                http_connection_manager::RouteSpecifier, http_filter, scoped_routes::ConfigSpecifier,
            },
            transport_sockets::tls::v3::{
                CommonTlsContext, DownstreamTlsContext, Secret, UpstreamTlsContext, secret,
            },
        },
    },
    google::protobuf::Any,
};
use ferrox_xds_server::{
    snapshot::{Kind, Resource, Snapshot},
    translate::ROUTE_CONFIGURATION,
};
use prost::{Message, Name};

/// Envoy's dry run resolves nothing over ADS, so endpoints, routes and certificates are put in place. The filters, whose code is a file
/// that does not exist here, are left out.
fn bootstrap(snapshot: &Snapshot) -> Bootstrap {
    let listeners = snapshot.all(Kind::Listener).filter(|resource| resource.is_listed());
    let resources = StaticResources {
        listeners: listeners.map(|resource| listener(snapshot, resource.encoded())).collect(),
        clusters: snapshot.all(Kind::Cluster).map(|resource| cluster(snapshot, resource.encoded())).collect(),
        ..StaticResources::default()
    };
    Bootstrap { static_resources: Some(resources), ..Bootstrap::default() }
}

fn cluster(snapshot: &Snapshot, encoded: &[u8]) -> Cluster {
    let mut cluster = Cluster::decode(encoded).unwrap();
    if cluster.eds_cluster_config.take().is_some() {
        let endpoints =
            snapshot.get(Kind::Endpoints, &cluster.name).expect("every EDS cluster has endpoints");
        cluster.load_assignment = Some(ClusterLoadAssignment::decode(endpoints.encoded().as_ref()).unwrap());
        cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into()));
    }
    if let Some(TransportSocket { config_type: Some(config), .. }) = &mut cluster.transport_socket {
        let transport_socket::ConfigType::TypedConfig(config) = config;
        *config = with_client_certificate(snapshot, config);
    }
    cluster
}

fn listener(snapshot: &Snapshot, encoded: &[u8]) -> Listener {
    let mut listener = Listener::decode(encoded).unwrap();
    listener.filter_chains.iter_mut().for_each(|chain| complete(snapshot, chain));
    listener
}

fn complete(snapshot: &Snapshot, chain: &mut FilterChain) {
    let Some(ConfigType::TypedConfig(config)) = &mut chain.filters.last_mut().unwrap().config_type else {
        panic!("the connection manager comes with the listener");
    };
    *config = inline(snapshot, config);
    if let Some(TransportSocket { config_type: Some(config), .. }) = &mut chain.transport_socket {
        let transport_socket::ConfigType::TypedConfig(config) = config;
        *config = with_certificate(snapshot, config);
    }
}

fn with_certificate(snapshot: &Snapshot, config: &Any) -> Any {
    let mut tls = DownstreamTlsContext::decode(config.value.as_slice()).unwrap();
    let common = tls.common_tls_context.as_mut().unwrap();
    let shown = common.tls_certificate_sds_secret_configs.len();
    put_certificates(snapshot, common);
    assert_eq!(common.tls_certificates.len(), shown, "every certificate has a secret");
    Any { type_url: DownstreamTlsContext::type_url(), value: tls.encode_to_vec() }
}

fn with_client_certificate(snapshot: &Snapshot, config: &Any) -> Any {
    let mut tls = UpstreamTlsContext::decode(config.value.as_slice()).unwrap();
    put_certificates(snapshot, tls.common_tls_context.as_mut().unwrap());
    Any { type_url: UpstreamTlsContext::type_url(), value: tls.encode_to_vec() }
}

/// An upstream that no route of the gateway uses has no secret there.
fn put_certificates(snapshot: &Snapshot, common: &mut CommonTlsContext) {
    for sds in std::mem::take(&mut common.tls_certificate_sds_secret_configs) {
        let Some(secret) = snapshot.get(Kind::Secret, &sds.name) else { continue };
        let Some(secret::Type::TlsCertificate(certificate)) =
            Secret::decode(secret.encoded().as_ref()).unwrap().r#type
        else {
            panic!("a secret is a certificate");
        };
        common.tls_certificates.push(certificate);
    }
}

fn inline(snapshot: &Snapshot, config: &Any) -> Any {
    let mut manager = HttpConnectionManager::decode(config.value.as_slice()).unwrap();
    match &mut manager.route_specifier {
        // A redirect has its routes with it, and no filter that is discovered.
        Some(RouteSpecifier::RouteConfig(_)) => return config.clone(),
        Some(RouteSpecifier::ScopedRoutes(scoped)) => {
            scoped.config_specifier = Some(ConfigSpecifier::ScopedRouteConfigurationsList(scopes(snapshot)));
        }
        specifier => *specifier = Some(RouteSpecifier::RouteConfig(routes(snapshot))),
    }
    let discovered = |config: &Option<http_filter::ConfigType>| {
        matches!(config, Some(http_filter::ConfigType::ConfigDiscovery(_)))
    };
    assert_eq!(manager.http_filters.iter().filter(|filter| discovered(&filter.config_type)).count(), 4);
    manager.http_filters.retain(|filter| !discovered(&filter.config_type));
    Any { type_url: HttpConnectionManager::type_url(), value: manager.encode_to_vec() }
}

fn routes(snapshot: &Snapshot) -> RouteConfiguration {
    let routes = snapshot.get(Kind::RouteConfiguration, ROUTE_CONFIGURATION).unwrap().encoded();
    RouteConfiguration::decode(routes.as_ref()).unwrap()
}

fn scopes(snapshot: &Snapshot) -> ScopedRouteConfigurationsList {
    let scopes = snapshot.all(Kind::ScopedRoutes);
    let decode = |scope: &Arc<Resource>| ScopedRouteConfiguration::decode(scope.encoded().as_ref()).unwrap();
    ScopedRouteConfigurationsList { scoped_route_configurations: scopes.map(decode).collect() }
}

#[test]
fn envoy_accepts_the_sample() {
    for gateway in ["ferrox", "edge"] {
        assert_eq!(dry_run::refusal(&bootstrap(&sample::snapshot(gateway))), None, "{gateway}");
    }
}

#[test]
fn envoy_would_have_refused_a_broken_resource() {
    let mut bootstrap = bootstrap(&sample::snapshot("ferrox"));
    bootstrap.static_resources.as_mut().unwrap().clusters[0].connect_timeout = None;
    bootstrap.static_resources.as_mut().unwrap().clusters[0].name.clear();
    assert!(dry_run::refusal(&bootstrap).expect("a cluster without a name").contains("Name"));
}
