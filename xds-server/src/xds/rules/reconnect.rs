//! What a client has from an earlier stream.

use super::*;

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
fn in_sotw_named_resources_are_sent_again_after_a_reconnect_since_the_client_may_have_let_go_of_them() {
    let mut first = session::<Sotw>(&[ENDPOINTS_A]);
    first.on_request(Kind::Endpoints, None, sotw(&["a"], ""));
    let version = first.next().unwrap().version;
    let mut second = session::<Sotw>(&[ENDPOINTS_A]);
    second.on_request(Kind::Endpoints, None, sotw(&["a"], &version));
    assert_eq!(names(&second.next().unwrap()), ["a"]);
}
