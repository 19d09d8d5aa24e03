use envoy_types::pb::envoy::config::route::v3::{Route, route::Action};
use prost::Message;
use serde_json::json;

use super::{PolicyMaps, encode};
use crate::{
    model::{
        Model,
        sample::{keyring, policy, sound},
    },
    store::{RouteMirrorRow, Rows},
};

/// What the first route becomes after a change of the rows.
fn encoded(change: impl FnOnce(&mut Rows)) -> Vec<Route> {
    let mut rows = sound();
    change(&mut rows);
    let model = Model::parse(&rows, &keyring()).unwrap();
    let routes = encode(model.routes().next().unwrap(), &mut PolicyMaps::new());
    routes.iter().map(|route| Route::decode(route.as_ref()).unwrap()).collect()
}

fn retry_on(route: &Route) -> &str {
    let Some(Action::Route(action)) = &route.action else { panic!("{route:?}") };
    action.retry_policy.as_ref().map_or("", |policy| &policy.retry_on)
}

#[test]
fn a_route_is_one_of_envoys_unless_its_methods_differ_in_retries() {
    let retried = |on: &[&str], methods: &[&str]| {
        let routes = encoded(|rows| {
            rows.routes[0].retry = Some(json!({ "on": on }));
            rows.routes[0].methods = methods.iter().map(ToString::to_string).collect();
        });
        routes.iter().map(|route| retry_on(route).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(encoded(|_| ()).len(), 1);
    assert_eq!(retried(&["5xx"], &["GET", "PUT"]), ["5xx"]);
    assert_eq!(
        retried(&["5xx"], &["GET", "POST"]),
        ["reset-before-request,connect-failure,refused-stream", "5xx"]
    );
    assert_eq!(retried(&["unavailable"], &[]), ["", "unavailable"]);
    assert_eq!(retried(&["connect-failure"], &[]), ["connect-failure"]);
}

#[test]
fn what_is_taken_for_a_preflight_by_mistake_does_not_pass_the_policies_by() {
    let routes = encoded(|rows| {
        rows.routes[0].cors = Some(json!({"origins": ["*"]}));
        rows.route_policies = vec![policy("orders", "auth", json!({"api_key": {}}))];
    });
    let [preflight, plain] = routes.try_into().unwrap();
    assert_eq!(preflight.metadata, plain.metadata);
    assert!(preflight.metadata.unwrap().filter_metadata.contains_key("ferrox.auth"));
    assert_eq!(preflight.typed_per_filter_config, plain.typed_per_filter_config);
}

#[test]
fn in_maintenance_nothing_is_asked_and_nothing_forwarded() {
    let routes = encoded(|rows| {
        let route = &mut rows.routes[0];
        route.maintenance = Some(json!({}));
        route.cors = Some(json!({"origins": ["*"]}));
        route.retry = Some(json!({"on": ["5xx"]}));
        route.max_request_bytes = Some(1);
        rows.route_policies = vec![policy("orders", "auth", json!({"api_key": {}}))];
    });
    let [route] = routes.try_into().unwrap();
    assert!(route.metadata.is_none());
    assert!(matches!(route.action, Some(Action::DirectResponse(answer)) if answer.status == 503));
    assert!(route.typed_per_filter_config.keys().all(|filter| filter.starts_with("ferrox.")));
}

#[test]
fn the_upstreams_of_a_route_are_those_of_its_mirrors_too_and_stay_in_maintenance() {
    let mut rows = sound();
    rows.routes[0].maintenance = Some(json!({}));
    rows.route_mirrors =
        vec![RouteMirrorRow { route: "orders".to_owned(), upstream: "users".to_owned(), percent: 1 }];
    let model = Model::parse(&rows, &keyring()).unwrap();
    let orders = model.routes().next().unwrap();
    assert_eq!(orders.upstreams().map(|name| name.as_str()).collect::<Vec<_>>(), ["orders", "users"]);
}
