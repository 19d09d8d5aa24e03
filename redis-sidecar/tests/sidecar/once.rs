//! Nothing is counted twice: what may have run is never sent again.

use std::sync::atomic::{AtomicU64, Ordering};

use ferrox_policy::sidecar::{LIMITS_PATH, LimitCheck, LimitsRequest, TIMEOUT_HEADER};

use crate::{
    redis_server::RedisServer,
    testbed::{Testbed, limit, until},
};

const HOUR: u64 = 3_600_000;

/// The status of a decision that waits for so many milliseconds.
async fn within(testbed: &Testbed, limit: &LimitCheck, ms: &str) -> u16 {
    let body = serde_json::to_vec(&LimitsRequest { limits: vec![limit.clone()], charge: false }).unwrap();
    let request = testbed.client.post(format!("{}{LIMITS_PATH}", testbed.base)).header(TIMEOUT_HEADER, ms);
    request.body(body).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_decision_says_itself_how_long_it_waits() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    redis.run::<()>("CLIENT PAUSE 60000 WRITE");
    assert_eq!(within(&testbed, &limit("a", 10, HOUR), "50").await, 504);
    assert_eq!(within(&testbed, &limit("a", 10, HOUR), "0").await, 400);
    redis.run::<()>("CLIENT UNPAUSE");
}

#[tokio::test]
async fn decisions_that_timed_out_are_counted_once_at_most() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    let limit = limit("late", 1_000, HOUR);
    // From here on Redis knows the script.
    testbed.decide(std::slice::from_ref(&limit)).await;
    redis.run::<()>("CLIENT PAUSE 60000 WRITE");
    for _ in 0..5 {
        assert_eq!(within(&testbed, &limit, "50").await, 504);
    }
    assert_eq!(testbed.failures("timeout").await, 5);
    redis.run::<()>("CLIENT UNPAUSE");
    // Each connection runs in order what waits on it, so that these come after the five.
    let mut left = 1_000;
    for _ in 0..4 {
        left = testbed.decide(std::slice::from_ref(&limit)).await.limits[0].remaining;
    }
    assert_eq!(left, 1_000 - 1 - 5 - 4);
}

/// A Redis that stops for longer than the heartbeat waits loses its connections, and what was under way on them is lost or
/// has run, but is not sent again on the new ones.
#[tokio::test]
async fn decisions_on_a_connection_that_hung_are_counted_once_at_most() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    let check = limit("hung", 1_000_000, HOUR);
    testbed.decide(std::slice::from_ref(&check)).await;
    redis.signal("-STOP");
    let asked = AtomicU64::new(0);
    // Until then they wait in vain.
    until("the connections are given up", async || {
        asked.fetch_add(1, Ordering::Relaxed);
        within(&testbed, &check, "50").await == 503
    })
    .await;
    redis.signal("-CONT");
    testbed.until_ready().await;
    let decided = testbed.decide(std::slice::from_ref(&check)).await;
    let counted = 1_000_000 - decided.limits[0].remaining;
    assert!((2..=asked.into_inner() + 2).contains(&counted), "{counted}");
}

#[tokio::test]
async fn a_redis_that_restarts_in_the_middle_gets_the_scripts_again() {
    let mut redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    let limit = limit("a", 10, HOUR);
    assert_eq!(testbed.decide(std::slice::from_ref(&limit)).await.limits[0].remaining, 9);
    redis.run::<()>("SCRIPT FLUSH");
    assert_eq!(testbed.decide(std::slice::from_ref(&limit)).await.limits[0].remaining, 8, "sent again once");
    redis.kill();
    redis.restart();
    testbed.until_counted(&limit).await;
    assert_eq!(redis.run::<u64>(&format!("GET {}", limit.key)), 1, "the new Redis is empty");
}
