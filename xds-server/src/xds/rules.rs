//! The rules of the protocol, one test each, on sessions without a network.

use std::{collections::HashMap, sync::Arc};

use super::{
    delta::{Delta, DeltaRequest},
    session::{Answer, Outcome, Response, Session, Subscription},
    sotw::{Sotw, SotwRequest},
};
use crate::snapshot::{Kind, Resource, Snapshot};

fn snapshot(resources: &[(Kind, &str, &str)]) -> Arc<Snapshot> {
    Arc::new(Snapshot::new(
        resources
            .iter()
            .map(|(kind, name, content)| Resource::new(*kind, *name, (*content).as_bytes().to_vec())),
    ))
}

fn session<S: Subscription>(resources: &[(Kind, &str, &str)]) -> Session<S> {
    let mut session = Session::default();
    session.on_snapshot(snapshot(resources));
    session
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn delta(subscribe: &[&str], unsubscribe: &[&str]) -> DeltaRequest {
    DeltaRequest {
        subscribe: strings(subscribe),
        unsubscribe: strings(unsubscribe),
        initial_versions: HashMap::new(),
    }
}

fn sotw(names: &[&str], version: &str) -> SotwRequest {
    SotwRequest { names: strings(names), version: version.to_owned() }
}

fn ack(response: &Response) -> Option<Answer> {
    Some(Answer { nonce: response.nonce.clone(), refusal: None })
}

fn nack(response: &Response) -> Option<Answer> {
    Some(Answer { nonce: response.nonce.clone(), refusal: Some("bad".to_owned()) })
}

fn names(response: &Response) -> Vec<&str> {
    response.update.resources.iter().map(|resource| resource.name()).collect()
}

/// What a client would report after a reconnect: versions by name.
fn versions(response: &Response) -> HashMap<String, String> {
    response.update.resources.iter().map(|r| (r.name().to_owned(), r.version().to_owned())).collect()
}

/// Sends the request that acknowledges a delta response and changes nothing.
fn acknowledge(session: &mut Session<Delta>, response: &Response) -> Option<Outcome> {
    session.on_request(response.kind, ack(response), delta(&[], &[]))
}

/// The route configuration of these tests, whose content says where it leads.
fn routes(content: &str) -> (Kind, &str, &str) {
    (Kind::RouteConfiguration, "r", content)
}

/// A client that runs a cluster and routes to it.
fn routing_to_a() -> Session<Delta> {
    let mut session = session::<Delta>(&[CLUSTER_A, routes("to a")]);
    for (kind, names) in [(Kind::Cluster, &[][..]), (Kind::RouteConfiguration, &["r"])] {
        session.on_request(kind, None, delta(names, &[]));
        let response = session.next().unwrap();
        acknowledge(&mut session, &response);
    }
    session
}

const CLUSTER_A: (Kind, &str, &str) = (Kind::Cluster, "a", "1");
const ENDPOINTS_A: (Kind, &str, &str) = (Kind::Endpoints, "a", "1");

#[test]
fn nothing_is_answered_before_there_is_a_snapshot() {
    let mut session = Session::<Delta>::default();
    session.on_request(Kind::Cluster, None, delta(&[], &[]));
    assert_eq!(session.next(), None);
    session.on_snapshot(snapshot(&[]));
    assert!(session.next().is_some());
}

#[test]
fn an_empty_configuration_is_answered_at_once() {
    for kind in [Kind::Cluster, Kind::Listener] {
        let mut incremental = session::<Delta>(&[]);
        incremental.on_request(kind, None, delta(&[], &[]));
        assert!(incremental.next().unwrap().update.is_empty());
        assert_eq!(incremental.next(), None);

        let mut world = session::<Sotw>(&[]);
        world.on_request(kind, None, sotw(&[], ""));
        assert!(world.next().unwrap().update.is_empty());
        assert_eq!(world.next(), None);
    }
}

#[test]
fn no_names_is_a_wildcard_for_clusters_and_nothing_for_endpoints() {
    let mut session = session::<Delta>(&[CLUSTER_A, ENDPOINTS_A]);
    session.on_request(Kind::Cluster, None, delta(&[], &[]));
    session.on_request(Kind::Endpoints, None, delta(&[], &[]));
    assert_eq!(names(&session.next().unwrap()), ["a"]);
    assert_eq!(session.next(), None);
}

#[test]
fn in_sotw_no_names_after_a_name_means_nothing() {
    let mut session = session::<Sotw>(&[CLUSTER_A, (Kind::Cluster, "b", "1")]);
    session.on_request(Kind::Cluster, None, sotw(&["a"], ""));
    let first = session.next().unwrap();
    assert_eq!(names(&first), ["a"]);
    session.on_request(Kind::Cluster, ack(&first), sotw(&[], &first.version));
    session.on_snapshot(snapshot(&[(Kind::Cluster, "a", "2")]));
    assert_eq!(session.next(), None);
}

#[test]
fn in_delta_a_wildcard_stays_beside_names_until_it_is_left() {
    let b = (Kind::Cluster, "b", "1");
    let mut session = session::<Delta>(&[CLUSTER_A, b]);
    session.on_request(Kind::Cluster, None, delta(&[], &[]));
    assert_eq!(names(&session.next().unwrap()), ["a", "b"]);
    session.on_request(Kind::Cluster, None, delta(&["a"], &[]));
    assert_eq!(names(&session.next().unwrap()), ["a"], "a new subscription is answered");
    session.on_request(Kind::Cluster, None, delta(&[], &["*"]));
    assert_eq!(session.next(), None);
    session.on_snapshot(snapshot(&[(Kind::Cluster, "a", "2"), (Kind::Cluster, "b", "2")]));
    assert_eq!(names(&session.next().unwrap()), ["a"]);
}

#[test]
fn a_name_that_does_not_exist_is_said_to_be_removed_and_can_appear_later() {
    let mut session = session::<Delta>(&[]);
    session.on_request(Kind::Endpoints, None, delta(&["a"], &[]));
    assert_eq!(session.next().unwrap().update.removed, ["a"]);
    assert_eq!(session.next(), None);
    session.on_snapshot(snapshot(&[ENDPOINTS_A]));
    assert_eq!(names(&session.next().unwrap()), ["a"]);
}

#[test]
fn in_sotw_a_name_that_does_not_exist_is_met_with_silence_and_can_appear_later() {
    let mut session = session::<Sotw>(&[]);
    session.on_request(Kind::Endpoints, None, sotw(&["a"], ""));
    assert_eq!(session.next(), None);
    session.on_snapshot(snapshot(&[ENDPOINTS_A]));
    assert_eq!(names(&session.next().unwrap()), ["a"]);
}

#[test]
fn a_change_sends_what_changed_and_nothing_else() {
    let b = (Kind::Endpoints, "b", "1");
    let mut incremental = session::<Delta>(&[ENDPOINTS_A, b]);
    incremental.on_request(Kind::Endpoints, None, delta(&["a", "b"], &[]));
    incremental.next().unwrap();
    incremental.on_snapshot(snapshot(&[ENDPOINTS_A, (Kind::Endpoints, "b", "2")]));
    assert_eq!(names(&incremental.next().unwrap()), ["b"]);

    let mut world = session::<Sotw>(&[ENDPOINTS_A, b]);
    world.on_request(Kind::Endpoints, None, sotw(&["a", "b"], ""));
    world.next().unwrap();
    world.on_snapshot(snapshot(&[ENDPOINTS_A, (Kind::Endpoints, "b", "2")]));
    assert_eq!(names(&world.next().unwrap()), ["b"]);
}

#[test]
fn in_sotw_clusters_and_listeners_are_sent_whole() {
    let b = (Kind::Listener, "b", "1");
    let mut session = session::<Sotw>(&[(Kind::Listener, "a", "1"), b]);
    session.on_request(Kind::Listener, None, sotw(&[], ""));
    session.next().unwrap();
    session.on_snapshot(snapshot(&[(Kind::Listener, "a", "2"), b]));
    assert_eq!(names(&session.next().unwrap()), ["a", "b"]);
}

#[test]
fn an_ack_is_not_answered_and_is_reported_once() {
    let mut session = session::<Sotw>(&[CLUSTER_A]);
    session.on_request(Kind::Cluster, None, sotw(&[], ""));
    let response = session.next().unwrap();
    let outcome = session.on_request(Kind::Cluster, ack(&response), sotw(&[], &response.version));
    assert_eq!(outcome, Some(Outcome::Accepted { version: response.version.clone() }));
    assert_eq!(session.next(), None);
}

#[test]
fn a_refused_response_is_reported_and_never_sent_again_but_new_content_is() {
    let mut session = session::<Sotw>(&[CLUSTER_A]);
    session.on_request(Kind::Cluster, None, sotw(&[], ""));
    let response = session.next().unwrap();
    let outcome = session.on_request(Kind::Cluster, nack(&response), sotw(&[], ""));
    let message = "bad".to_owned();
    assert_eq!(outcome, Some(Outcome::Refused { version: response.version, message }));
    assert_eq!(session.next(), None);
    session.on_snapshot(snapshot(&[CLUSTER_A]));
    assert_eq!(session.next(), None, "the same content");
    session.on_snapshot(snapshot(&[(Kind::Cluster, "a", "2")]));
    assert_eq!(names(&session.next().unwrap()), ["a"]);
}

#[test]
fn a_late_nack_in_delta_names_the_version_that_it_is_about() {
    let mut session = session::<Delta>(&[CLUSTER_A]);
    session.on_request(Kind::Cluster, None, delta(&[], &[]));
    let first = session.next().unwrap();
    session.on_snapshot(snapshot(&[(Kind::Cluster, "a", "2")]));
    let second = session.next().unwrap();
    assert_ne!(first.version, second.version);
    let outcome = session.on_request(Kind::Cluster, nack(&first), delta(&[], &[]));
    assert_eq!(outcome, Some(Outcome::Refused { version: first.version, message: "bad".to_owned() }));
}

#[test]
fn in_sotw_an_old_nonce_is_dropped_and_in_delta_its_subscription_counts() {
    let old = || Some(Answer { nonce: "old".to_owned(), refusal: None });
    let mut world = session::<Sotw>(&[ENDPOINTS_A, (Kind::Endpoints, "b", "1")]);
    world.on_request(Kind::Endpoints, None, sotw(&["a"], ""));
    world.next().unwrap();
    assert_eq!(world.on_request(Kind::Endpoints, old(), sotw(&["a", "b"], "")), None);
    assert_eq!(world.next(), None);

    let mut incremental = session::<Delta>(&[ENDPOINTS_A, (Kind::Endpoints, "b", "1")]);
    incremental.on_request(Kind::Endpoints, None, delta(&["a"], &[]));
    incremental.next().unwrap();
    incremental.on_request(Kind::Endpoints, old(), delta(&["b"], &[]));
    assert_eq!(names(&incremental.next().unwrap()), ["b"]);
}

#[test]
fn in_sotw_a_repeated_request_is_answered_so_that_a_cluster_can_warm() {
    let mut session = session::<Sotw>(&[ENDPOINTS_A]);
    session.on_request(Kind::Endpoints, None, sotw(&["a"], ""));
    let response = session.next().unwrap();
    session.on_request(Kind::Endpoints, ack(&response), sotw(&["a"], &response.version));
    assert_eq!(session.next(), None);
    session.on_request(Kind::Endpoints, ack(&response), sotw(&["a"], &response.version));
    assert_eq!(names(&session.next().unwrap()), ["a"]);
}

#[test]
fn in_delta_endpoints_follow_their_changed_cluster_unasked() {
    let mut session = session::<Delta>(&[CLUSTER_A, ENDPOINTS_A]);
    session.on_request(Kind::Cluster, None, delta(&[], &[]));
    session.next().unwrap();
    session.on_request(Kind::Endpoints, None, delta(&["a"], &[]));
    session.next().unwrap();
    session.on_snapshot(snapshot(&[(Kind::Cluster, "a", "2"), ENDPOINTS_A]));
    assert_eq!(session.next().unwrap().kind, Kind::Cluster);
    let endpoints = session.next().unwrap();
    assert_eq!((endpoints.kind, names(&endpoints)), (Kind::Endpoints, vec!["a"]));
    assert_eq!(session.next(), None);
}

#[test]
fn in_delta_a_cluster_that_changed_before_a_reconnect_gets_its_endpoints_again() {
    let mut first = session::<Delta>(&[CLUSTER_A, ENDPOINTS_A]);
    first.on_request(Kind::Endpoints, None, delta(&["a"], &[]));
    let has = versions(&first.next().unwrap());

    let mut second = session::<Delta>(&[(Kind::Cluster, "a", "2"), ENDPOINTS_A]);
    second.on_request(Kind::Cluster, None, delta(&[], &[]));
    second.next().unwrap();
    second.on_request(Kind::Endpoints, None, DeltaRequest { initial_versions: has, ..delta(&["a"], &[]) });
    assert_eq!(names(&second.next().unwrap()), ["a"]);
}

#[test]
fn after_a_reconnect_what_is_unchanged_is_not_sent_again() {
    let mut first = session::<Delta>(&[CLUSTER_A]);
    first.on_request(Kind::Cluster, None, delta(&[], &[]));
    let has = versions(&first.next().unwrap());
    let mut second = session::<Delta>(&[CLUSTER_A, (Kind::Cluster, "b", "1")]);
    second.on_request(Kind::Cluster, None, DeltaRequest { initial_versions: has, ..delta(&[], &[]) });
    assert_eq!(names(&second.next().unwrap()), ["b"]);

    let mut first = session::<Sotw>(&[CLUSTER_A]);
    first.on_request(Kind::Cluster, None, sotw(&[], ""));
    let version = first.next().unwrap().version;
    let mut second = session::<Sotw>(&[CLUSTER_A]);
    second.on_request(Kind::Cluster, None, sotw(&[], &version));
    assert_eq!(second.next(), None);
    second.on_snapshot(snapshot(&[(Kind::Cluster, "a", "2")]));
    assert_eq!(names(&second.next().unwrap()), ["a"]);
}

#[test]
fn what_a_client_runs_already_after_a_reconnect_is_known() {
    let mut first = session::<Delta>(&[CLUSTER_A]);
    first.on_request(Kind::Cluster, None, delta(&[], &[]));
    let response = first.next().unwrap();
    assert_eq!(first.take_current(), [], "what is sent is answered");

    let runs = vec![(Kind::Cluster, response.version.clone())];
    let mut again = session::<Delta>(&[CLUSTER_A]);
    let request = DeltaRequest { initial_versions: versions(&response), ..delta(&[], &[]) };
    again.on_request(Kind::Cluster, None, request);
    assert_eq!((again.next(), again.take_current()), (None, runs));
    assert_eq!(again.take_current(), [], "it is told once");

    let mut whole = session::<Sotw>(&[CLUSTER_A]);
    whole.on_request(Kind::Cluster, None, sotw(&[], ""));
    let version = whole.next().unwrap().version;
    let mut again = session::<Sotw>(&[CLUSTER_A]);
    again.on_request(Kind::Cluster, None, sotw(&[], &version));
    assert_eq!((again.next(), again.take_current()), (None, vec![(Kind::Cluster, version)]));

    let mut changed = session::<Delta>(&[(Kind::Cluster, "a", "2")]);
    let request = DeltaRequest { initial_versions: versions(&response), ..delta(&[], &[]) };
    changed.on_request(Kind::Cluster, None, request);
    assert_eq!((changed.next().is_some(), changed.take_current()), (true, vec![]));
}

#[test]
fn after_a_reconnect_what_is_gone_is_removed() {
    let has = HashMap::from([("gone".to_owned(), "1".to_owned())]);
    let mut session = session::<Delta>(&[]);
    session.on_request(Kind::Cluster, None, DeltaRequest { initial_versions: has, ..delta(&[], &[]) });
    assert_eq!(session.next(), None, "the client's routes may still refer to it");
    session.on_request(Kind::RouteConfiguration, None, delta(&[], &[]));
    assert_eq!(session.next().unwrap().update.removed, ["gone"]);
}

#[test]
fn a_cluster_goes_only_when_the_routes_without_it_are_acknowledged() {
    let mut session = routing_to_a();

    session.on_snapshot(snapshot(&[(Kind::Cluster, "b", "1"), routes("to b")]));
    let clusters = session.next().unwrap();
    assert_eq!((names(&clusters), clusters.update.removed.len()), (vec!["b"], 0));
    let new_routes = session.next().unwrap();
    assert_eq!(new_routes.kind, Kind::RouteConfiguration);
    acknowledge(&mut session, &clusters);
    assert_eq!(session.next(), None, "the routes are not acknowledged yet");
    acknowledge(&mut session, &new_routes);
    let removal = session.next().unwrap();
    assert_eq!((removal.kind, removal.update.removed), (Kind::Cluster, vec!["a".to_owned()]));
    assert!(!session.is_holding_back());
}

#[test]
fn a_cluster_that_no_route_names_goes_at_once() {
    let mut session = session::<Delta>(&[CLUSTER_A]);
    session.on_request(Kind::Cluster, None, delta(&[], &[]));
    let response = session.next().unwrap();
    acknowledge(&mut session, &response);
    session.on_snapshot(snapshot(&[]));
    assert_eq!(session.next().unwrap().update.removed, ["a"]);
}

#[test]
fn a_client_that_refuses_its_routes_loses_the_cluster_after_the_grace_period() {
    let mut session = session::<Sotw>(&[CLUSTER_A, (Kind::RouteConfiguration, "r", "to a")]);
    session.on_request(Kind::Cluster, None, sotw(&[], ""));
    let response = session.next().unwrap();
    session.on_request(Kind::Cluster, ack(&response), sotw(&[], ""));
    session.on_request(Kind::RouteConfiguration, None, sotw(&["r"], ""));
    let response = session.next().unwrap();
    session.on_request(Kind::RouteConfiguration, ack(&response), sotw(&["r"], ""));

    session.on_snapshot(snapshot(&[(Kind::RouteConfiguration, "r", "to nothing")]));
    let routes = session.next().unwrap();
    session.on_request(Kind::RouteConfiguration, nack(&routes), sotw(&["r"], ""));
    assert_eq!(session.next(), None);
    assert!(session.is_holding_back());
    session.on_grace_over();
    assert!(session.next().unwrap().update.is_empty());
}

/// The same snapshot with clusters that only those get who ask for them by name.
fn with_unlisted(resources: &[(Kind, &str, &str)], unlisted: &[(Kind, &str, &str)]) -> Arc<Snapshot> {
    let make = |(kind, name, content): &(Kind, &str, &str)| {
        Resource::new(*kind, *name, (*content).as_bytes().to_vec())
    };
    let unlisted = unlisted.iter().map(|resource| make(resource).unlisted());
    Arc::new(Snapshot::new(resources.iter().map(make).chain(unlisted)))
}

#[test]
fn what_is_unlisted_comes_to_those_only_who_ask_for_it_by_name() {
    let both = with_unlisted(&[CLUSTER_A], &[(Kind::Cluster, "b", "1")]);
    let mut incremental = Session::<Delta>::default();
    incremental.on_snapshot(Arc::clone(&both));
    incremental.on_request(Kind::Cluster, None, delta(&[], &[]));
    assert_eq!(names(&incremental.next().unwrap()), ["a"]);
    incremental.on_request(Kind::Cluster, None, delta(&["b"], &[]));
    assert_eq!(names(&incremental.next().unwrap()), ["b"]);
    incremental.on_snapshot(with_unlisted(&[CLUSTER_A], &[(Kind::Cluster, "b", "2")]));
    assert_eq!(names(&incremental.next().unwrap()), ["b"]);

    let mut world = Session::<Sotw>::default();
    world.on_snapshot(both);
    world.on_request(Kind::Cluster, None, sotw(&["b"], ""));
    assert_eq!(names(&world.next().unwrap()), ["b"]);
}

#[test]
fn what_becomes_listed_is_sent_to_a_wildcard_and_what_becomes_unlisted_is_removed() {
    let mut session = Session::<Delta>::default();
    let request = || delta(&[], &[]);
    session.on_snapshot(with_unlisted(&[], &[CLUSTER_A]));
    session.on_request(Kind::Cluster, None, request());
    assert!(session.next().unwrap().update.is_empty());
    session.on_snapshot(with_unlisted(&[CLUSTER_A], &[]));
    let listed = session.next().unwrap();
    assert_eq!(names(&listed), ["a"]);
    session.on_request(Kind::Cluster, ack(&listed), request());
    session.on_snapshot(with_unlisted(&[], &[CLUSTER_A]));
    assert_eq!(session.next().unwrap().update.removed, ["a"]);
}

#[test]
fn a_cluster_that_becomes_unlisted_stays_until_the_routes_without_it_are_acknowledged() {
    let mut session = routing_to_a();
    session.on_snapshot(with_unlisted(&[routes("to nothing")], &[CLUSTER_A]));
    let new_routes = session.next().unwrap();
    assert_eq!(new_routes.kind, Kind::RouteConfiguration);
    assert_eq!(session.next(), None);
    acknowledge(&mut session, &new_routes);
    assert_eq!(session.next().unwrap().update.removed, ["a"]);
}

#[test]
fn in_sotw_what_was_dropped_and_wanted_again_behind_the_servers_back_is_sent_again() {
    let b = |content| (Kind::Endpoints, "b", content);
    let mut session = session::<Sotw>(&[ENDPOINTS_A, b("1")]);
    session.on_request(Kind::Endpoints, None, sotw(&["a", "b"], ""));
    let first = session.next().unwrap();
    session.on_snapshot(snapshot(&[ENDPOINTS_A, b("2")]));
    let second = session.next().unwrap();
    assert_eq!(names(&second), ["b"]);
    // The client has let go of "a" before it has seen the second response, and wants it again after.
    session.on_request(Kind::Endpoints, ack(&first), sotw(&["b"], ""));
    session.on_request(Kind::Endpoints, ack(&second), sotw(&["a", "b"], ""));
    assert_eq!(names(&session.next().unwrap()), ["a"]);
}

#[test]
fn in_sotw_named_resources_are_sent_again_after_a_reconnect_since_the_client_may_have_let_go_of_them() {
    let mut first = session::<Sotw>(&[ENDPOINTS_A]);
    first.on_request(Kind::Endpoints, None, sotw(&["a"], ""));
    let version = first.next().unwrap().version;
    let mut second = session::<Sotw>(&[ENDPOINTS_A]);
    second.on_request(Kind::Endpoints, None, sotw(&["a"], &version));
    assert_eq!(names(&second.next().unwrap()), ["a"]);
}

#[test]
fn routes_wait_for_the_endpoints_of_a_new_cluster() {
    routes_wait::<Delta>(&|names| delta(names, &[]));
    routes_wait::<Sotw>(&|names| sotw(names, ""));
}

fn routes_wait<S: Subscription>(request: &dyn Fn(&[&str]) -> S::Request) {
    let mut session = session::<S>(&[CLUSTER_A, ENDPOINTS_A, routes("to a")]);
    for (kind, names) in
        [(Kind::Cluster, &[][..]), (Kind::Endpoints, &["a"]), (Kind::RouteConfiguration, &["r"])]
    {
        session.on_request(kind, None, request(names));
        assert_eq!(session.next().unwrap().kind, kind);
    }
    let b = [(Kind::Cluster, "b", "1"), (Kind::Endpoints, "b", "1")];
    session.on_snapshot(snapshot(&[CLUSTER_A, ENDPOINTS_A, b[0], b[1], routes("to b")]));
    assert_eq!(session.next().unwrap().kind, Kind::Cluster);
    assert_eq!(session.next(), None, "the client has not asked for the endpoints yet");
    assert!(session.is_holding_back());
    let nonce = session.last_nonce(Kind::Endpoints);
    let answer = Some(Answer { nonce, refusal: None });
    session.on_request(Kind::Endpoints, answer, request(&["a", "b"]));
    assert!(names(&session.next().unwrap()).contains(&"b"));
    assert_eq!(session.next().unwrap().kind, Kind::RouteConfiguration);
}

#[test]
fn routes_do_not_wait_for_endpoints_without_end() {
    let mut session = session::<Delta>(&[routes("to nothing")]);
    for (kind, names) in
        [(Kind::Cluster, &[][..]), (Kind::Endpoints, &["x"]), (Kind::RouteConfiguration, &["r"])]
    {
        session.on_request(kind, None, delta(names, &[]));
        assert_eq!(session.next().unwrap().kind, kind);
    }
    session.on_snapshot(snapshot(&[CLUSTER_A, ENDPOINTS_A, routes("to a")]));
    assert_eq!(session.next().unwrap().kind, Kind::Cluster);
    assert_eq!(session.next(), None);
    session.on_grace_over();
    assert_eq!(session.next().unwrap().kind, Kind::RouteConfiguration);
}

#[test]
fn what_is_held_back_from_removal_is_not_taken_for_its_successor() {
    let mut session = session::<Delta>(&[CLUSTER_A, ENDPOINTS_A, routes("to a")]);
    let subscriptions: [(Kind, &[&str]); 3] =
        [(Kind::Cluster, &[]), (Kind::Endpoints, &["a"]), (Kind::RouteConfiguration, &["r"])];
    for (kind, names) in subscriptions {
        session.on_request(kind, None, delta(names, &[]));
        let response = session.next().unwrap();
        acknowledge(&mut session, &response);
    }
    session.on_snapshot(with_unlisted(&[routes("to nothing")], &[CLUSTER_A, (Kind::Endpoints, "a", "2")]));
    let new_routes = session.next().unwrap();
    assert_eq!((new_routes.kind, session.next()), (Kind::RouteConfiguration, None));
    acknowledge(&mut session, &new_routes);
    assert_eq!(session.next().unwrap().update.removed, ["a"]);
    let endpoints = session.next().unwrap();
    assert_eq!((endpoints.kind, names(&endpoints)), (Kind::Endpoints, vec!["a"]));
}

#[test]
fn an_ack_of_an_earlier_response_does_not_count_for_the_later_one() {
    let mut session = routing_to_a();
    session.on_snapshot(snapshot(&[CLUSTER_A, routes("to a still")]));
    let earlier = session.next().unwrap();
    session.on_snapshot(snapshot(&[routes("to nothing")]));
    let later = session.next().unwrap();
    acknowledge(&mut session, &earlier);
    assert_eq!(session.next(), None, "the client may still route to the cluster");
    acknowledge(&mut session, &later);
    assert_eq!(session.next().unwrap().update.removed, ["a"]);
}

#[test]
fn no_names_is_a_wildcard_for_scoped_routes_and_in_sotw_they_are_sent_whole() {
    let (x, y) = ((Kind::ScopedRoutes, "x", "1"), (Kind::ScopedRoutes, "y", "1"));
    let mut session = session::<Sotw>(&[x, y]);
    session.on_request(Kind::ScopedRoutes, None, sotw(&[], ""));
    let first = session.next().unwrap();
    assert_eq!(names(&first), ["x", "y"]);
    session.on_request(Kind::ScopedRoutes, ack(&first), sotw(&[], &first.version));
    session.on_snapshot(snapshot(&[x, (Kind::ScopedRoutes, "y", "2")]));
    assert_eq!(names(&session.next().unwrap()), ["x", "y"], "Envoy drops the scopes that are not there");
}

/// A client that runs a cluster and a scope that leads to it.
fn scoped_to_a() -> Session<Delta> {
    let mut session = session::<Delta>(&[CLUSTER_A, (Kind::ScopedRoutes, "x", "to a")]);
    for kind in [Kind::Cluster, Kind::ScopedRoutes] {
        session.on_request(kind, None, delta(&[], &[]));
        let response = session.next().unwrap();
        acknowledge(&mut session, &response);
    }
    session
}

#[test]
fn a_cluster_goes_only_when_the_scopes_without_it_are_acknowledged() {
    let mut session = scoped_to_a();
    session.on_snapshot(snapshot(&[(Kind::ScopedRoutes, "y", "to nothing")]));
    let scopes = session.next().unwrap();
    assert_eq!((scopes.kind, scopes.update.removed.clone()), (Kind::ScopedRoutes, vec!["x".to_owned()]));
    assert_eq!(session.next(), None, "the scopes are not acknowledged yet");
    acknowledge(&mut session, &scopes);
    assert_eq!(session.next().unwrap().update.removed, ["a"]);
}

#[test]
fn scopes_stay_for_the_connections_of_a_gateway_that_no_longer_shards() {
    let mut session = scoped_to_a();
    session.on_snapshot(snapshot(&[CLUSTER_A, routes("to a")]));
    assert_eq!(session.next(), None);
    session.on_request(Kind::RouteConfiguration, None, delta(&["r"], &[]));
    assert_eq!(names(&session.next().unwrap()), ["r"]);
    session.on_snapshot(snapshot(&[CLUSTER_A, (Kind::ScopedRoutes, "y", "to a")]));
    let scopes = std::iter::from_fn(|| session.next()).find(|response| response.kind == Kind::ScopedRoutes);
    assert_eq!(scopes.unwrap().update.removed, ["x"], "it shards again");
}
