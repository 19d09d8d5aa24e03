//! Redis fails in each of its ways: the answer says so, and the sidecar recovers by itself.

use std::sync::Arc;

use ferrox_policy::{rate_limit::Algorithm, sidecar::LimitCheck};

use crate::{
    redis_server::{ClosedPort, RedisServer, run_at},
    testbed::{Answer, Testbed, limit, until},
};

const NAME: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const SECRET: &str = "hush-hush-hush";

fn unavailable(reason: &str) -> Answer {
    Answer { status: 503, body: reason.to_owned() }
}

async fn count(testbed: &Testbed) -> Answer {
    testbed.limits(&[limit("a", 1_000_000, 3_600_000)]).await
}

async fn until_count_is(testbed: &Testbed, answer: &Answer) {
    until(&format!("{answer:?}"), async || count(testbed).await == *answer).await;
}

async fn until_counted(testbed: &Testbed) {
    until("a request is counted", async || count(testbed).await.status == 200).await;
}

#[tokio::test]
async fn without_redis_the_sidecar_serves_and_answers_503() {
    let port = ClosedPort::new();
    let testbed = Testbed::start(&format!("redis://127.0.0.1:{}", port.number())).await;
    let reason = unavailable("Redis cannot be reached");
    assert_eq!(count(&testbed).await, reason);
    assert_eq!(testbed.put(NAME, "60", b"x").await, reason);
    assert_eq!(testbed.get(&format!("/v1/cache/{NAME}")).await, reason);
    assert_eq!(testbed.get("/readyz").await, reason);
    assert_eq!(testbed.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_redis_that_dies_and_comes_back_is_used_again() {
    let mut redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    assert_eq!(count(&testbed).await.status, 200);
    redis.kill();
    for _ in 0..20 {
        assert_eq!(count(&testbed).await, unavailable("Redis cannot be reached"));
    }
    assert_eq!(testbed.get("/readyz").await.status, 503);
    redis.restart();
    until_counted(&testbed).await;
    testbed.until_ready().await;
}

#[tokio::test]
async fn a_redis_that_comes_up_after_the_sidecar_is_used() {
    let mut redis = RedisServer::start();
    redis.kill();
    let testbed = Testbed::start(&redis.url()).await;
    assert_eq!(testbed.get("/readyz").await.status, 503);
    redis.restart();
    until_counted(&testbed).await;
}

#[tokio::test]
async fn a_redis_that_does_not_answer_in_time_gets_504() {
    let redis = RedisServer::start();
    let testbed = Testbed::start_with(&redis.url(), &["--timeout-ms", "50"]).await;
    until_counted(&testbed).await;
    redis.run::<()>("CLIENT PAUSE 60000 WRITE");
    let late = Answer { status: 504, body: "Redis did not answer in time".to_owned() };
    until_count_is(&testbed, &late).await;
    redis.run::<()>("CLIENT UNPAUSE");
    until_counted(&testbed).await;
}

/// As when the network drops every packet: the connection stays open, and nothing comes back.
#[tokio::test]
async fn a_redis_that_went_silent_is_found_out_and_used_when_it_is_back() {
    let redis = RedisServer::start();
    let testbed = Testbed::start_with(&redis.url(), &["--timeout-ms", "200"]).await;
    until_counted(&testbed).await;
    redis.signal("-STOP");
    until_count_is(&testbed, &unavailable("Redis cannot be reached")).await;
    redis.signal("-CONT");
    until_counted(&testbed).await;
}

#[tokio::test]
async fn a_wrong_password_is_told_without_the_password_and_can_be_put_right() {
    let redis = RedisServer::start_with(&["--requirepass", "another"]);
    let testbed = Testbed::start(&redis.url_with_password(SECRET)).await;
    let refused = unavailable("Redis does not accept the user or the password");
    until_count_is(&testbed, &refused).await;
    assert!(testbed.failures("credentials").await > 0);
    assert_eq!(testbed.get("/readyz").await, refused);
    assert!(!testbed.get("/metrics").await.body.contains(SECRET));

    run_at::<()>(&redis.url_with_password("another"), &format!("CONFIG SET requirepass {SECRET}"));
    until_counted(&testbed).await;
}

#[tokio::test]
async fn a_missing_password_is_told() {
    let redis = RedisServer::start_with(&["--requirepass", SECRET]);
    let testbed = Testbed::start(&redis.url()).await;
    until_count_is(&testbed, &unavailable("Redis does not accept the user or the password")).await;
}

/// A Redis with a user `ferrox`, and the URL for that user.
fn with_user(rules: &str) -> (RedisServer, String) {
    let redis = RedisServer::start();
    redis.run::<()>(&format!("ACL SETUSER ferrox {rules}"));
    let url = redis.url().replace("redis://", "redis://ferrox:password@");
    (redis, url)
}

/// The line of docs/how-to/redis.md.
const USER: &str =
    "on >password ~ferrox:* +@read +@write +@scripting +ping +time +select +asking +cluster|slots";

#[tokio::test]
async fn the_user_of_the_documentation_may_do_what_is_needed() {
    let documentation = include_str!("../../../docs/how-to/redis.md");
    assert!(documentation.contains(&format!("ACL SETUSER ferrox {USER}\n")));
    let (_redis, url) = with_user(USER);
    let testbed = Testbed::ready(&url).await;
    let algorithms =
        [Algorithm::FixedWindow, Algorithm::SlidingWindow, Algorithm::TokenBucket, Algorithm::Concurrency];
    for algorithm in algorithms {
        let lease = (algorithm == Algorithm::Concurrency).then(|| "a".to_owned());
        let check = LimitCheck { algorithm, lease, ..limit(&format!("{algorithm:?}"), 10, 60_000) };
        assert!(testbed.decide(&[check]).await.allowed, "{algorithm:?}");
    }
    assert_eq!(testbed.put(NAME, "60", b"x").await.status, 204);
    assert_eq!(testbed.entry_bytes(NAME).await, b"x");
}

#[tokio::test]
async fn a_user_that_may_not_run_scripts_is_told() {
    let (_redis, url) = with_user("on >password ~ferrox:* +@read +@write +ping");
    let testbed = Testbed::ready(&url).await;
    testbed
        .until_failing(&limit("a", 10, 60_000), "permission", "Redis does not permit a command to this user")
        .await;
}

#[tokio::test]
async fn a_redis_without_memory_counts_and_stores_nothing() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    assert_eq!(count(&testbed).await.status, 200);
    redis.run::<()>("CONFIG SET maxmemory 1");
    let full = unavailable("Redis is out of memory");
    assert_eq!(count(&testbed).await, full);
    assert_eq!(testbed.put(NAME, "60", b"x").await, full);
    assert_eq!(testbed.failures("out_of_memory").await, 2);
    assert_eq!(redis.run::<u64>("GET ferrox:1:limit|a"), 1);
    redis.run::<()>("CONFIG SET maxmemory 0");
    assert_eq!(count(&testbed).await.status, 200);
}

#[tokio::test]
async fn a_redis_that_became_a_replica_is_told_and_used_when_it_is_primary_again() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    let primary = ClosedPort::new();
    redis.run::<()>(&format!("REPLICAOF 127.0.0.1 {}", primary.number()));
    until_count_is(&testbed, &unavailable("Redis is a read-only replica")).await;
    assert!(testbed.failures("read_only").await > 0);
    redis.run::<()>("REPLICAOF NO ONE");
    until_counted(&testbed).await;
}

/// After a failover the name of the primary leads to another server, but only for a new connection.
#[tokio::test]
async fn a_connection_to_what_became_a_replica_is_replaced() {
    let redis = RedisServer::start();
    let arguments = ["--timeout-ms", "10000", "--connections", "1"];
    let testbed = Testbed::start_with(&redis.url(), &arguments).await;
    until_counted(&testbed).await;
    let before = connections_of_sidecar(&redis);
    assert_eq!(before.len(), 1);

    let primary = ClosedPort::new();
    redis.run::<()>(&format!("REPLICAOF 127.0.0.1 {}", primary.number()));
    until_count_is(&testbed, &unavailable("Redis is a read-only replica")).await;
    until("another connection", async || {
        let now = connections_of_sidecar(&redis);
        now.len() == 1 && now != before
    })
    .await;
}

/// The numbers of Redis's connections but the one that asks.
fn connections_of_sidecar(redis: &RedisServer) -> Vec<String> {
    let clients: String = redis.run("CLIENT LIST");
    let others = clients.lines().filter(|client| !client.contains("cmd=client|list"));
    others.filter_map(|client| client.split(' ').next().map(str::to_owned)).collect()
}

#[tokio::test]
async fn more_requests_than_may_wait_are_refused_at_once() {
    let redis = RedisServer::start();
    let arguments = ["--timeout-ms", "10000", "--max-waiting", "1"];
    let testbed = Arc::new(Testbed::start_with(&redis.url(), &arguments).await);
    testbed.until_ready().await;
    redis.run::<()>("CLIENT PAUSE 60000 WRITE");
    let waiting = tokio::spawn({
        let testbed = testbed.clone();
        async move { count(&testbed).await }
    });
    until("it waits", async || testbed.metric("ferrox_sidecar_requests_waiting 1").await).await;

    let shed = unavailable("too many requests are waiting for Redis");
    assert_eq!(count(&testbed).await, shed);
    assert_eq!(testbed.get(&format!("/v1/cache/{NAME}")).await, shed);
    redis.run::<()>("CLIENT UNPAUSE");
    assert_eq!(waiting.await.unwrap().status, 200);
    assert!(testbed.metric("ferrox_sidecar_requests_waiting 0").await);
    assert!(testbed.metric(r#"ferrox_sidecar_redis_failures_total{reason="shed"} 2"#).await);
}
