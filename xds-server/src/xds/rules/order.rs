//! What waits for what: routes for endpoints, removals for routes.

use super::*;

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
fn routes_wait_for_the_endpoints_of_the_first_cluster() {
    first_cluster::<Delta>(&|names| delta(names, &[]));
    first_cluster::<Sotw>(&|names| sotw(names, ""));
}

/// A client that started with nothing has no subscription to endpoints when its first cluster comes.
fn first_cluster<S: Subscription>(request: &dyn Fn(&[&str]) -> S::Request) {
    let mut session = session::<S>(&[routes("to nothing")]);
    for (kind, names) in [(Kind::Cluster, &[][..]), (Kind::RouteConfiguration, &["r"])] {
        session.on_request(kind, None, request(names));
        assert_eq!(session.next().unwrap().kind, kind);
    }
    session.on_snapshot(snapshot(&[CLUSTER_A, ENDPOINTS_A, routes("to a")]));
    assert_eq!(session.next().unwrap().kind, Kind::Cluster);
    assert_eq!(session.next(), None);
    session.on_request(Kind::Endpoints, None, request(&["a"]));
    assert_eq!(session.next().unwrap().kind, Kind::Endpoints);
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
