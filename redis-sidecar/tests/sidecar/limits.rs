//! Limits: never exceeded, all or none, and always with an end.

use ferrox_policy::sidecar::LimitState;
use tokio::task::JoinSet;

use crate::{
    redis_server::RedisServer,
    testbed::{Testbed, limit, until},
};

const HOUR: u64 = 3_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_never_exceed_a_limit() {
    let redis = RedisServer::start();
    let testbed = std::sync::Arc::new(Testbed::ready(&redis.url()).await);
    let mut requests = JoinSet::new();
    for _ in 0..200 {
        let testbed = testbed.clone();
        requests.spawn(async move { testbed.decide(&[limit("a", 50, HOUR)]).await.allowed });
    }
    let allowed = requests.join_all().await.into_iter().filter(|allowed| *allowed).count();
    assert_eq!(allowed, 50);
    assert_eq!(redis.run::<u64>("GET ferrox:1:limit|a"), 50);
}

#[tokio::test]
async fn an_answer_tells_what_remains_and_when_the_window_ends() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    let first = testbed.decide(&[limit("a", 2, HOUR)]).await;
    assert!(first.allowed);
    assert_eq!(
        first.limits,
        [LimitState { allowed: true, remaining: 1, reset_ms: HOUR, ..LimitState::default() }]
    );
    assert_eq!(testbed.decide(&[limit("a", 2, HOUR)]).await.limits[0].remaining, 0);

    let third = testbed.decide(&[limit("a", 2, HOUR)]).await;
    assert!(!third.allowed && !third.limits[0].allowed);
    assert_eq!(third.limits[0].remaining, 0);
    assert!((1..=HOUR).contains(&third.limits[0].reset_ms));
}

#[tokio::test]
async fn a_request_is_counted_by_all_of_its_limits_or_by_none() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    let both = [limit("wide", 10, HOUR), limit("narrow", 1, HOUR), limit("fresh", 5, 60_000)];
    assert!(testbed.decide(&both[..2]).await.allowed);

    let denied = testbed.decide(&both).await;
    assert!(!denied.allowed);
    assert_eq!(denied.limits.iter().map(|limit| limit.allowed).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(denied.limits.iter().map(|limit| limit.remaining).collect::<Vec<_>>(), [9, 0, 5]);
    assert_eq!(denied.limits[2].reset_ms, 60_000, "a window that has not begun");
    assert_eq!(redis.run::<u64>("GET ferrox:1:limit|wide"), 1);
    assert!(!redis.run::<bool>("EXISTS ferrox:1:limit|fresh"));
}

#[tokio::test]
async fn a_window_ends_and_another_begins() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    let short = [limit("a", 1, 100)];
    for _ in 0..3 {
        until("a window begins", async || testbed.decide(&short).await.allowed).await;
        until("it ends", async || redis.run::<i64>("PTTL ferrox:1:limit|a") == -2).await;
    }
}

#[tokio::test]
async fn neither_counted_nor_denied_requests_prolong_a_window() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    let hour = [limit("a", 2, HOUR)];
    assert!(testbed.decide(&hour).await.allowed);
    redis.run::<()>("PEXPIRE ferrox:1:limit|a 60000");
    assert!(testbed.decide(&hour).await.allowed);
    assert!(redis.run::<u64>("PTTL ferrox:1:limit|a") <= 60_000);
    assert!(!testbed.decide(&hour).await.allowed);
    assert!(redis.run::<u64>("PTTL ferrox:1:limit|a") <= 60_000);
    assert_eq!(redis.run::<u64>("GET ferrox:1:limit|a"), 2, "the denied one is not counted");
}

#[tokio::test]
async fn every_counter_expires_with_its_window() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    let longest = 2_678_400_000;
    for _ in 0..2 {
        testbed.decide(&[limit("a", 9, HOUR), limit("b", 9, longest)]).await;
        assert!((1..=HOUR).contains(&redis.run::<u64>("PTTL ferrox:1:limit|a")));
        assert!((HOUR..=longest).contains(&redis.run::<u64>("PTTL ferrox:1:limit|b")));
    }
}

#[tokio::test]
async fn a_counter_without_an_expiry_gets_one_and_keeps_its_count() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    redis.run::<()>("SET ferrox:1:limit|a 5");
    let denied = testbed.decide(&[limit("a", 5, HOUR)]).await;
    assert!(!denied.allowed);
    assert_eq!(denied.limits[0].reset_ms, HOUR);
    assert!((1..=HOUR).contains(&redis.run::<u64>("PTTL ferrox:1:limit|a")));
}

#[tokio::test]
async fn a_window_that_was_shortened_ends_in_time() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    testbed.decide(&[limit("a", 1, HOUR)]).await;
    let denied = testbed.decide(&[limit("a", 1, 1000)]).await;
    assert!(!denied.allowed);
    assert_eq!(denied.limits[0].reset_ms, 1000);
    assert!(redis.run::<u64>("PTTL ferrox:1:limit|a") <= 1000);
}

#[tokio::test]
async fn a_counter_of_another_type_counts_nothing() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    redis.run::<()>("LPUSH ferrox:1:limit|list x");
    let answer = testbed.limits(&[limit("a", 5, HOUR), limit("list", 5, HOUR)]).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "Redis answered with the error WRONGTYPE"));
    assert!(!redis.run::<bool>("EXISTS ferrox:1:limit|a"));
}

#[tokio::test]
async fn counting_goes_on_when_redis_forgot_the_script() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    assert_eq!(testbed.decide(&[limit("a", 9, HOUR)]).await.limits[0].remaining, 8);
    redis.run::<()>("SCRIPT FLUSH");
    assert_eq!(testbed.decide(&[limit("a", 9, HOUR)]).await.limits[0].remaining, 7);
}

#[tokio::test]
async fn a_request_that_makes_no_sense_gets_400_and_the_reason() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    let answer = testbed.limits(&[limit("a", 0, 1)]).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (400, "limits[0].limit: must be 1 to 1125899906842624")
    );
    let answer = testbed.post_limits("{}").await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("missing field `limits`"), "{answer:?}");
    assert_eq!(testbed.post_limits(vec![b' '; (1 << 20) + 1]).await.status, 413);
}
