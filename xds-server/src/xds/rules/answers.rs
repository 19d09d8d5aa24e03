//! ACKs, NACKs and nonces.

use super::*;

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
