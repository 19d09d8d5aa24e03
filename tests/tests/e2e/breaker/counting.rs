//! What counts as a failure, and how many reach an upstream before its breaker is open.

use std::time::Duration;

use axum::http::StatusCode;
use ferrox_testbed::{
    gateway::Gateway,
    upstream::{Behaviour, Upstream},
};

use super::{FAILING, assert_open, fail};
use crate::{
    pool::{self, until_in},
    rows,
};

/// The sum of a counter of Envoy's.
async fn connections_refused(gateway: &mut Gateway, upstream: &str) -> u64 {
    gateway.envoy().unwrap().stat(&format!("cluster.{upstream}.upstream_cx_connect_fail")).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_dead_upstream_exactly_n_requests_try_to_connect() {
    let mut dead = Upstream::start_new("dead").unwrap();
    let mut gateway =
        Gateway::start(&rows::routed(&dead, "failures = 5, open_for_ms = 60000")).await.unwrap();
    dead.close();
    fail(&gateway, "/dead", 5).await;
    until_in(&mut gateway, "dead", 0).await;
    assert_open(&gateway, &dead, "/dead").await;
    assert_eq!(connections_refused(&mut gateway, "dead").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_endpoint_of_a_pool_has_a_breaker_of_its_own() {
    for count in [1, 2, 3, 10] {
        let endpoints = pool::start(count);
        let mut gateway =
            Gateway::start(&pool::rows(&endpoints, "failures = 5, open_for_ms = 60000")).await.unwrap();
        let (failing, healthy) = endpoints.split_at(count.div_ceil(2));
        let reached =
            |of: &[Upstream]| of.iter().map(|endpoint| endpoint.requests("/pool")).collect::<Vec<_>>();
        failing.iter().for_each(|endpoint| endpoint.behave(FAILING));

        // Each request is seen to have its effect before the next.
        while reached(failing).iter().any(|requests| *requests < 5) {
            gateway.get("/pool").await.unwrap();
            let out = reached(failing).iter().filter(|requests| **requests >= 5).count();
            until_in(&mut gateway, "pool", u64::try_from(count - out).unwrap()).await;
        }
        let served: u64 = reached(healthy).iter().sum();
        let status = if healthy.is_empty() { 503 } else { 200 };
        for _ in 0..20 {
            assert_eq!(gateway.get("/pool").await.unwrap().status(), status);
        }
        assert_eq!(reached(failing), vec![5; failing.len()]);
        let more: u64 = reached(healthy).iter().sum::<u64>() - served;
        assert_eq!(more, if healthy.is_empty() { 0 } else { 20 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_of_a_pool_than_its_share_is_ever_out() {
    for (count, percent, out) in [(2, 50, 1), (3, 34, 1), (3, 33, 0), (1, 99, 0), (4, 50, 2)] {
        let endpoints = pool::start(count);
        let columns = format!("failures = 2, open_for_ms = 60000, max_out_percent = {percent}");
        let mut gateway = Gateway::start(&pool::rows(&endpoints, &columns)).await.unwrap();
        endpoints.iter().for_each(|endpoint| endpoint.behave(FAILING));
        fail(&gateway, "/pool", 40).await;
        until_in(&mut gateway, "pool", u64::try_from(count - out).unwrap()).await;
        let before: u64 = endpoints.iter().map(|endpoint| endpoint.requests("/pool")).sum();
        fail(&gateway, "/pool", 40).await;
        let after: u64 = endpoints.iter().map(|endpoint| endpoint.requests("/pool")).sum();
        assert_eq!(after - before, 40, "the others take it all");
        until_in(&mut gateway, "pool", u64::try_from(count - out).unwrap()).await;
    }
}

/// A way to fail, and what it is called in `failure_on`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Failure {
    Status(u16),
    Slow,
    Refused,
}

impl Failure {
    const ALL: [Self; 5] =
        [Self::Status(500), Self::Status(502), Self::Status(504), Self::Slow, Self::Refused];

    fn counts(self, failure_on: &str) -> bool {
        match self {
            Self::Status(500) => failure_on.contains("5xx"),
            Self::Status(_) => failure_on.contains("5xx") || failure_on.contains("gateway_error"),
            Self::Slow | Self::Refused => failure_on.contains("no_answer"),
        }
    }

    fn happen(self, upstream: &mut Upstream) {
        match self {
            Self::Status(status) => upstream.behave(Behaviour::Fail(StatusCode::from_u16(status).unwrap())),
            Self::Slow => upstream.behave(Behaviour::Slow(Duration::from_secs(3600))),
            Self::Refused => upstream.close(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_named_counts() {
    let choices = ["5xx,no_answer", "gateway_error,no_answer", "5xx", "gateway_error", "no_answer"];
    let mut rows = String::new();
    let mut upstreams = Vec::new();
    for (number, failure_on) in choices.into_iter().enumerate() {
        for (index, failure) in Failure::ALL.into_iter().enumerate() {
            let upstream = Upstream::start_new(&format!("u{number}-{index}")).unwrap();
            let columns = format!("failures = 3, open_for_ms = 60000, failure_on = '{{{failure_on}}}'");
            rows += &rows::routed(&upstream, &columns);
            upstreams.push((failure_on, failure, upstream));
        }
    }
    rows += "update routes set timeout_ms = 100;";
    let mut gateway = Gateway::start(&rows).await.unwrap();
    for (failure_on, failure, upstream) in &mut upstreams {
        failure.happen(upstream);
        let path = format!("/{}", upstream.name());
        fail(&gateway, &path, 2).await;
        until_in(&mut gateway, upstream.name(), 1).await;
        fail(&gateway, &path, 1).await;
        if failure.counts(failure_on) {
            until_in(&mut gateway, upstream.name(), 0).await;
            continue;
        }
        fail(&gateway, &path, 5).await;
        let stat = format!("cluster.{}.membership_healthy", upstream.name());
        let is_in = gateway.envoy().unwrap().stat(&stat).await.unwrap() == 1;
        assert!(is_in, "{failure:?} counts with {failure_on}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_count_ends_the_row() {
    let upstream = Upstream::start_new("u").unwrap();
    let columns = "failures = 3, open_for_ms = 60000, failure_on = '{gateway_error,no_answer}'";
    let mut gateway = Gateway::start(&rows::routed(&upstream, columns)).await.unwrap();
    for status in [502, 502, 500, 502, 502, 404, 503, 503] {
        upstream.behave(Behaviour::Fail(StatusCode::from_u16(status).unwrap()));
        assert_eq!(gateway.get("/u").await.unwrap().status(), status);
    }
    upstream.behave(Behaviour::Answer);
    assert_eq!(gateway.get("/u").await.unwrap().status(), 200);
    until_in(&mut gateway, "u", 1).await;
}
