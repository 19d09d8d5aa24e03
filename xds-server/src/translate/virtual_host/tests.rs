use envoy_types::pb::envoy::config::route::v3::route_match::PathSpecifier;
use serde_json::json;

use crate::{
    model::sample::route,
    store::{RouteRow, Rows},
    translate::tests::{on, routes, rows},
};

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

#[test]
fn routes_are_tried_by_template_and_regular_expression_between_exact_path_and_prefix() {
    let template = |name: &str, path: &str| RouteRow {
        path_template: Some(path.to_owned()),
        path_prefix: None,
        ..route(name, "")
    };
    let regex = |name: &str, path: &str| RouteRow {
        path_regex: Some(path.to_owned()),
        path_prefix: None,
        ..route(name, "")
    };
    let exact = RouteRow { path_exact: Some("/a/b".to_owned()), path_prefix: None, ..route("exact", "") };
    let rows = rows(vec![
        route("prefix-short", "/"),
        template("open", "/a/{x=**}"),
        route("prefix", "/a/"),
        route("prefix-long", "/a/b/"),
        regex("regex", "/.*"),
        regex("regex-long", "/a/.*"),
        template("segments", "/a/{x}"),
        template("segments-long", "/a/{x}/b"),
        exact,
    ]);
    assert_eq!(
        order(&rows, "*"),
        [
            "exact",
            "segments-long",
            "segments",
            "regex-long",
            "regex",
            "prefix-long",
            "open",
            "prefix",
            "prefix-short"
        ]
    );
}

#[test]
fn routes_of_one_path_are_tried_by_methods_headers_parameters_and_share() {
    let with = |name: &str, conditions: serde_json::Value| RouteRow {
        conditions: Some(conditions),
        ..route(name, "/")
    };
    let present = |name: &str| json!({"name": name, "present": true});
    let rows = rows(vec![
        route("all", "/"),
        RouteRow { methods: vec!["GET".to_owned()], ..route("method", "/") },
        with("share", json!({"percent": 5})),
        with("parameters", json!({"query": [present("a"), present("b")]})),
        with("parameter", json!({"query": [present("a")]})),
        with("parameter-share", json!({"query": [present("a")], "percent": 5})),
        with("header", json!({"headers": [present("a")]})),
        with("header-parameter", json!({"headers": [present("a")], "query": [present("a")]})),
        with("headers", json!({"headers": [present("a"), present("b")]})),
    ]);
    assert_eq!(
        order(&rows, "*"),
        [
            "method",
            "headers",
            "header-parameter",
            "header",
            "parameters",
            "parameter-share",
            "parameter",
            "share",
            "all"
        ]
    );
}

/// A call by its method stands where the exact path would, with one header more.
#[test]
fn a_grpc_call_is_an_exact_path_and_a_header() {
    let call = RouteRow {
        conditions: Some(json!({"grpc": {"service": "a.B", "method": "C"}})),
        path_prefix: None,
        ..route("grpc", "")
    };
    let same = RouteRow { path_exact: Some("/a.B/C".to_owned()), path_prefix: None, ..route("exact", "") };
    let rows = rows(vec![same, call]);
    assert_eq!(order(&rows, "*"), ["grpc", "exact"]);
    let matched = routes(&rows).virtual_hosts[0].routes[0].r#match.clone().unwrap();
    assert!(matched.grpc.is_some());
    assert_eq!(matched.path_specifier, Some(PathSpecifier::Path("/a.B/C".to_owned())));
}
