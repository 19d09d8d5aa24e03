//! Upstreams as services for gRPC's own xDS clients (gRFC A27): a client that dials `xds:///name` asks for a listener of
//! that name, and from there for the cluster and its endpoints.

use envoy_types::pb::envoy::{
    config::{
        listener::v3::{ApiListener, Listener},
        route::v3::{
            Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, route::Action,
            route_action::ClusterSpecifier, route_match::PathSpecifier,
        },
    },
    extensions::filters::network::http_connection_manager::v3::{
        HttpConnectionManager, http_connection_manager::RouteSpecifier,
    },
};

use super::{listener, proto};

/// The API listener of a service. gRPC refuses what it does not know in the listener that Envoy gets, such as filters
/// by ECDS, so this one has the routes inline and no filter but the router.
pub(super) fn listener(name: &str) -> Listener {
    let route = Route {
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix(String::new())),
            ..RouteMatch::default()
        }),
        action: Some(Action::Route(RouteAction {
            cluster_specifier: Some(ClusterSpecifier::Cluster(name.to_owned())),
            ..RouteAction::default()
        })),
        ..Route::default()
    };
    let host = VirtualHost {
        name: name.to_owned(),
        domains: vec![name.to_owned()],
        routes: vec![route],
        ..VirtualHost::default()
    };
    let routes = RouteConfiguration { virtual_hosts: vec![host], ..RouteConfiguration::default() };
    let manager = HttpConnectionManager {
        route_specifier: Some(RouteSpecifier::RouteConfig(routes)),
        http_filters: vec![listener::router()],
        ..HttpConnectionManager::default()
    };
    Listener {
        name: name.to_owned(),
        api_listener: Some(ApiListener { api_listener: Some(proto::any(&manager)) }),
        ..Listener::default()
    }
}
