//! What a client gets for what it subscribes to.

use super::*;

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
