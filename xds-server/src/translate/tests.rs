mod upstreams;

use envoy_types::pb::envoy::config::route::v3::{
    Route, RouteConfiguration, ScopedRouteConfiguration, route_match::PathSpecifier,
    scoped_route_configuration::key::fragment,
};
use prost::Message;
use serde_json::json;

use super::*;
use crate::{
    model::sample::{certificate, gateway, https, keyring, listener, policy, route, sound, target},
    snapshot::Snapshot,
    store::{RouteRow, Rows},
};

pub(super) fn settings() -> Settings {
    Settings {
        listener: "0.0.0.0:8080".parse().unwrap(),
        wasm_dir: "/wasm".into(),
        sidecar: "127.0.0.1:7000".parse().unwrap(),
        trusted_ca: "/ca.pem".into(),
        key_usage: None,
    }
}

fn snapshot(rows: &Rows) -> Snapshot {
    Snapshot::new(
        Translator::new(settings())
            .translate(&Model::parse(rows, &keyring()).unwrap())
            .remove("ferrox")
            .unwrap(),
    )
}

pub(super) fn routes(rows: &Rows) -> RouteConfiguration {
    let snapshot = snapshot(rows);
    let resource = snapshot.get(Kind::RouteConfiguration, ROUTE_CONFIGURATION).unwrap();
    RouteConfiguration::decode(resource.encoded().as_ref()).unwrap()
}

/// Rows with these routes, all to one upstream.
pub(super) fn rows(routes: Vec<RouteRow>) -> Rows {
    let route_upstreams = routes.iter().map(|route| target(&route.name, "orders", 1)).collect();
    Rows { routes, route_upstreams, ..sound() }
}

pub(super) fn on(hosts: &[&str], name: &str, prefix: &str) -> RouteRow {
    RouteRow { hosts: hosts.iter().map(ToString::to_string).collect(), ..route(name, prefix) }
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
fn each_route_has_its_own_policies_also_beside_others_with_the_same() {
    let mut rows = rows(vec![route("a", "/a"), route("b", "/b"), route("c", "/c")]);
    let scope = |scope: &str| json!({"api_key": {}, "scopes": [scope]});
    rows.route_policies = vec![
        policy("a", "auth", scope("read")),
        policy("b", "auth", scope("write")),
        policy("c", "auth", scope("read")),
        policy("c", "cache", json!({})),
    ];
    let configuration = routes(&rows);
    let [a, b, c] = [0, 1, 2]
        .map(|route| configuration.virtual_hosts[0].routes[route].metadata.clone().unwrap().filter_metadata);
    assert_eq!(a["ferrox.auth"], c["ferrox.auth"]);
    assert_ne!(a["ferrox.auth"], b["ferrox.auth"]);
    assert_eq!((a.len(), c.len()), (1, 2));
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

/// The resources of two gateways: all routes in `ferrox`, and these in `other`.
fn two_gateways(in_other: &[&str]) -> BTreeMap<String, Vec<Arc<Resource>>> {
    let mut rows = sound();
    rows.gateways.push(gateway("other", "none"));
    for route in rows.routes.iter_mut().filter(|route| in_other.contains(&route.name.as_str())) {
        route.gateways.push("other".to_owned());
    }
    Translator::new(settings()).translate(&Model::parse(&rows, &keyring()).unwrap())
}

fn listed(resources: &[Arc<Resource>], kind: Kind) -> Vec<&str> {
    let of_kind = resources.iter().filter(|resource| resource.kind() == kind && resource.is_listed());
    of_kind.map(|resource| resource.name()).collect()
}

#[test]
fn a_gateway_has_its_own_routes_and_lists_the_upstreams_that_they_use() {
    let gateways = two_gateways(&["orders"]);
    assert_eq!(listed(&gateways["ferrox"], Kind::Cluster), [SIDECAR_CLUSTER, "orders", "users"]);
    assert_eq!(listed(&gateways["other"], Kind::Cluster), [SIDECAR_CLUSTER, "orders"]);
    let other = Snapshot::new(gateways["other"].clone());
    assert!(other.get(Kind::Cluster, "users").is_some_and(|cluster| !cluster.is_listed()));
    let routes = other.get(Kind::RouteConfiguration, ROUTE_CONFIGURATION).unwrap();
    let routes = RouteConfiguration::decode(routes.encoded().as_ref()).unwrap();
    let names: Vec<_> = routes.virtual_hosts.iter().flat_map(|host| &host.routes).map(|r| &r.name).collect();
    assert_eq!(names, ["orders"]);
}

#[test]
fn a_change_in_one_gateway_leaves_the_others_as_they_are() {
    let (before, after) = (two_gateways(&["orders"]), two_gateways(&["orders", "users"]));
    assert_eq!(before["ferrox"], after["ferrox"]);
    assert_ne!(before["other"], after["other"]);
}

#[test]
fn each_upstream_is_a_service_for_those_who_ask_for_it_by_name() {
    let gateways = two_gateways(&[]);
    assert_eq!(listed(&gateways["ferrox"], Kind::Listener), [LISTENER]);
    let snapshot = Snapshot::new(gateways["other"].clone());
    let service = snapshot.get(Kind::Listener, "users").unwrap();
    let service = envoy_types::pb::envoy::config::listener::v3::Listener::decode(service.encoded().as_ref());
    assert!(service.unwrap().api_listener.is_some());
}

/// Rows of a gateway that shards, with routes on two hosts.
fn sharded() -> Rows {
    let mut rows = rows(vec![on(&["a.com"], "a", "/"), on(&["a.com", "b.com"], "both", "/both")]);
    rows.gateways = vec![gateway("ferrox", "host")];
    rows
}

fn scope(snapshot: &Snapshot, host: &str) -> ScopedRouteConfiguration {
    let resource = snapshot.get(Kind::ScopedRoutes, host).unwrap();
    ScopedRouteConfiguration::decode(resource.encoded().as_ref()).unwrap()
}

#[test]
fn a_gateway_that_shards_has_a_scope_for_each_host_and_one_that_matches_nothing() {
    let snapshot = snapshot(&sharded());
    assert!(snapshot.get(Kind::RouteConfiguration, ROUTE_CONFIGURATION).is_none());
    let scopes: Vec<_> = snapshot.all(Kind::ScopedRoutes).map(|resource| resource.name()).collect();
    assert_eq!(scopes, ["(none)", "a.com", "b.com"]);
    assert!(scope(&snapshot, "(none)").route_configuration.unwrap().virtual_hosts.is_empty());
    let a = scope(&snapshot, "a.com");
    let fragments = a.key.unwrap().fragments;
    assert_eq!(fragments[0].r#type, Some(fragment::Type::StringKey("a.com".to_owned())));
    let hosts = a.route_configuration.unwrap().virtual_hosts;
    assert_eq!(hosts[0].routes.iter().map(|route| route.name.as_str()).collect::<Vec<_>>(), ["both", "a"]);
}

#[test]
fn of_a_changed_route_only_the_scopes_of_its_hosts_are_made_again() {
    let mut translator = Translator::new(settings());
    let mut rows = sharded();
    let before = Snapshot::new(
        translator.translate(&Model::parse(&rows, &keyring()).unwrap()).remove("ferrox").unwrap(),
    );
    rows.routes[0].timeout_ms += 1;
    let after = Snapshot::new(
        translator.translate(&Model::parse(&rows, &keyring()).unwrap()).remove("ferrox").unwrap(),
    );
    let differs = |host| before.get(Kind::ScopedRoutes, host) != after.get(Kind::ScopedRoutes, host);
    assert_eq!(["(none)", "a.com", "b.com"].map(differs), [false, true, false]);
    assert_eq!(after, snapshot(&rows));
}

fn decoded(snapshot: &Snapshot, name: &str) -> Listener {
    Listener::decode(snapshot.get(Kind::Listener, name).unwrap().encoded().as_ref()).unwrap()
}

/// Rows of one listener with two certificates, beside a third that nobody shows.
fn secure() -> Rows {
    let mut rows = sound();
    rows.listeners = vec![https("secure", 443, &["api", "site"]), listener("plain", 80)];
    rows.certificates = vec![
        certificate("api", &["api.example.com"]),
        certificate("other", &["other.example.com"]),
        certificate("site", &["www.example.com", "*.example.org"]),
    ];
    rows
}

#[test]
fn a_gateway_listens_where_its_rows_say_or_else_where_the_settings_do() {
    let mut rows = secure();
    rows.gateways.push(gateway("other", "none"));
    let gateways = Translator::new(settings()).translate(&Model::parse(&rows, &keyring()).unwrap());
    assert_eq!(listed(&gateways["ferrox"], Kind::Listener), ["listener_plain", "listener_secure"]);
    assert_eq!(listed(&gateways["other"], Kind::Listener), [LISTENER]);
}

#[test]
fn a_gateway_has_the_secrets_that_its_listeners_show_for_those_who_ask_for_them_by_name() {
    let mut rows = secure();
    rows.gateways.push(gateway("other", "none"));
    let gateways = Translator::new(settings()).translate(&Model::parse(&rows, &keyring()).unwrap());
    let secrets = |gateway: &str| -> Vec<_> {
        let snapshot = Snapshot::new(gateways[gateway].clone());
        snapshot.all(Kind::Secret).map(|secret| (secret.name().to_owned(), secret.is_listed())).collect()
    };
    assert_eq!(secrets("ferrox"), [("api".to_owned(), false), ("site".to_owned(), false)]);
    assert_eq!(secrets("other"), []);
}

#[test]
fn a_renewed_certificate_changes_its_secret_alone() {
    let mut rows = secure();
    let before = snapshot(&rows);
    rows.certificates[2] = certificate("site", &["www.example.com", "*.example.org"]);
    let after = snapshot(&rows);
    let changed = |kind| before.all(kind).zip(after.all(kind)).filter(|(a, b)| a != b).count();
    assert_eq!(Kind::ALL.map(changed), [0, 0, 1, 0, 0, 0, 0]);
}

#[test]
fn a_key_that_is_encrypted_anew_changes_nothing() {
    let mut rows = secure();
    let before = snapshot(&rows);
    let key = crate::model::Certificate::from_row(&rows.certificates[0], &keyring()).unwrap();
    rows.certificates[0] = key.to_row(&keyring()).unwrap();
    assert_eq!(snapshot(&rows), before);
}

#[test]
fn a_certificate_that_is_added_leaves_the_other_chains_as_they_are() {
    let mut rows = secure();
    let before = decoded(&snapshot(&rows), "listener_secure");
    rows.listeners[0].certificates.push("other".to_owned());
    let mut after = decoded(&snapshot(&rows), "listener_secure");
    let names: Vec<_> = after.filter_chains.iter().map(|chain| chain.name.clone()).collect();
    assert_eq!(names, ["api", "other", "site"]);
    after.filter_chains.remove(1);
    assert_eq!(before, after);
}

#[test]
fn no_chain_takes_connections_from_elsewhere() {
    let mut rows = secure();
    rows.listeners[0].trusted_proxies = vec!["10.0.0.0/8".to_owned()];
    rows.listeners[0].default_certificate = Some("api".to_owned());
    let listener = decoded(&snapshot(&rows), "listener_secure");
    assert_eq!((listener.filter_chains.len(), listener.default_filter_chain), (3, None));
    for chain in listener.filter_chains {
        let ranges = chain.filter_chain_match.unwrap().direct_source_prefix_ranges;
        assert_eq!(ranges[0].address_prefix, "10.0.0.0");
    }
}
