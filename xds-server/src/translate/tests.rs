use envoy_types::pb::envoy::config::{
    cluster::v3::Cluster,
    route::v3::{Route, RouteConfiguration, route_match::PathSpecifier},
};
use prost::Message;
use serde_json::json;

use super::*;
use crate::{
    model::sample::{policy, route, sound, target},
    store::{RouteRow, Rows},
};

fn snapshot(rows: &Rows) -> Snapshot {
    let settings = Settings {
        listener: "0.0.0.0:8080".parse().unwrap(),
        wasm_dir: "/wasm".into(),
        sidecar: "127.0.0.1:7000".parse().unwrap(),
    };
    translate(&Model::parse(rows).unwrap(), &settings)
}

fn routes(rows: &Rows) -> RouteConfiguration {
    let snapshot = snapshot(rows);
    let resource = snapshot.get(Kind::RouteConfiguration, ROUTE_CONFIGURATION).unwrap();
    RouteConfiguration::decode(resource.encoded().as_ref()).unwrap()
}

/// Rows with these routes, all to one upstream.
fn rows(routes: Vec<RouteRow>) -> Rows {
    let route_upstreams = routes.iter().map(|route| target(&route.name, "orders", 1)).collect();
    Rows { routes, route_upstreams, ..sound() }
}

fn on(hosts: &[&str], name: &str, prefix: &str) -> RouteRow {
    RouteRow { hosts: hosts.iter().map(ToString::to_string).collect(), ..route(name, prefix) }
}

/// The names of the routes of a virtual host, in order.
fn order(rows: &Rows, host: &str) -> Vec<String> {
    let configuration = routes(rows);
    let host =
        configuration.virtual_hosts.iter().find(|candidate| candidate.domains == [host]).expect("a host");
    host.routes.iter().map(|route| route.name.clone()).collect()
}

#[test]
fn a_virtual_host_has_every_route_that_covers_it() {
    let rows = rows(vec![
        on(&["*"], "any", "/"),
        on(&["*.example.com"], "wide", "/"),
        on(&["*.a.example.com"], "narrow", "/"),
        on(&["x.a.example.com"], "exact", "/"),
        on(&["other.org"], "other", "/"),
    ]);
    assert_eq!(order(&rows, "x.a.example.com"), ["exact", "narrow", "wide", "any"]);
    assert_eq!(order(&rows, "*.a.example.com"), ["narrow", "wide", "any"]);
    assert_eq!(order(&rows, "*.example.com"), ["wide", "any"]);
    assert_eq!(order(&rows, "other.org"), ["other", "any"]);
    assert_eq!(order(&rows, "*"), ["any"]);
    assert_eq!(routes(&rows).virtual_hosts.len(), 5);
}

#[test]
fn a_route_of_several_covering_hosts_stands_once_where_the_nearest_puts_it() {
    let rows = rows(vec![
        on(&["*", "a.com"], "both", "/"),
        on(&["*.com"], "suffix", "/"),
        on(&["a.com"], "longer", "/longer"),
    ]);
    assert_eq!(order(&rows, "a.com"), ["longer", "both", "suffix"]);
}

#[test]
fn routes_are_tried_by_priority_kind_of_path_length_and_methods() {
    let exact = RouteRow { path_exact: Some("/api".to_owned()), path_prefix: None, ..route("exact", "") };
    let rows = rows(vec![
        route("a-short", "/"),
        route("b-long", "/api/orders"),
        RouteRow { methods: vec!["GET".to_owned()], ..route("c-get", "/api") },
        route("d-any", "/api"),
        exact,
        RouteRow { priority: -1, ..route("f-late", "/api/orders/late") },
        RouteRow { priority: 1, ..route("g-first", "/first") },
        route("h-same", "/bpi"),
    ]);
    assert_eq!(
        order(&rows, "*"),
        ["g-first", "exact", "b-long", "c-get", "d-any", "h-same", "a-short", "f-late"]
    );
}

fn only_route(row: RouteRow) -> Route {
    routes(&rows(vec![row])).virtual_hosts[0].routes[0].clone()
}

#[test]
fn a_prefix_ends_on_a_segment_boundary() {
    let path = |prefix: &str| only_route(route("r", prefix)).r#match.unwrap().path_specifier.unwrap();
    assert_eq!(path("/api"), PathSpecifier::PathSeparatedPrefix("/api".to_owned()));
    assert_eq!(path("/api/"), PathSpecifier::Prefix("/api/".to_owned()));
    assert_eq!(path("/"), PathSpecifier::Prefix("/".to_owned()));
}

#[test]
fn a_filter_has_a_policy_or_is_switched_off() {
    let mut rows = rows(vec![route("r", "/")]);
    let limit = json!({"name": "n", "by": "address", "requests": 1, "window_seconds": 1});
    rows.route_policies = vec![policy("r", "rate_limit", json!({"limits": [limit]}))];
    let route = routes(&rows).virtual_hosts[0].routes[0].clone();

    let metadata = route.metadata.unwrap().filter_metadata;
    assert_eq!(metadata.keys().collect::<Vec<_>>(), ["ferrox.rate_limit.address"]);
    let mut off: Vec<_> = route.typed_per_filter_config.keys().collect();
    off.sort();
    assert_eq!(off, ["ferrox.auth", "ferrox.cache_key", "ferrox.rate_limit.identity"]);
}

#[test]
fn without_auth_nobody_can_bring_an_identity() {
    let bare = only_route(route("r", "/"));
    assert_eq!(bare.request_headers_to_remove, ferrox_policy::identity::header::ALL);
    let mut rows = rows(vec![route("r", "/")]);
    rows.route_policies = vec![policy("r", "auth", json!({"api_key": {}}))];
    assert!(routes(&rows).virtual_hosts[0].routes[0].request_headers_to_remove.is_empty());
}

#[test]
fn the_same_rows_always_give_the_same_bytes() {
    let mut rows = rows(vec![route("r", "/"), route("s", "/s")]);
    let limit = |by: &str| json!({"name": by, "by": by, "requests": 1, "window_seconds": 1});
    rows.route_policies = vec![
        policy("r", "auth", json!({"api_key": {}})),
        policy("r", "cache", json!({})),
        policy("r", "rate_limit", json!({"limits": [limit("address"), limit("identity")]})),
    ];
    let first = snapshot(&rows);
    assert!((0..50).all(|_| snapshot(&rows) == first));
}

#[test]
fn a_change_of_endpoints_leaves_the_cluster_and_its_breaker_alone() {
    let before = snapshot(&sound());
    let mut rows = sound();
    rows.endpoints[0].port += 1;
    let after = snapshot(&rows);
    let changed = |kind| before.all(kind).zip(after.all(kind)).filter(|(a, b)| a != b).count();
    assert_eq!(Kind::ALL.map(changed), [0, 1, 0, 0, 0]);
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
