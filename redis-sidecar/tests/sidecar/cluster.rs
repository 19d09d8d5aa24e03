//! A Redis Cluster: decisions across its slots, and slots that move.

use ferrox_policy::{
    rate_limit::Algorithm,
    sidecar::{LimitCheck, Return},
};
use tokio::task::JoinSet;

use crate::{
    redis_cluster::RedisCluster,
    testbed::{Testbed, limit, until},
};

const HOUR: u64 = 3_600_000;

/// Limits that are on each of the nodes.
fn spread(cluster: &RedisCluster, name: &str, most: [u64; 3]) -> [LimitCheck; 3] {
    [0, 1, 2].map(|node| on(cluster, node, name, most[node]))
}

/// A limit that is on this node.
fn on(cluster: &RedisCluster, node: usize, name: &str, most: u64) -> LimitCheck {
    let candidates = (0..).map(|number| limit(&format!("{name}-{number}"), most, HOUR));
    candidates.into_iter().find(|limit| cluster.holder(&limit.key) == node).unwrap()
}

fn count(cluster: &RedisCluster, limit: &LimitCheck) -> Option<u64> {
    cluster.run("GET", &limit.key)
}

#[tokio::test]
async fn across_nodes_a_request_is_counted_by_all_limits_or_by_none() {
    let cluster = RedisCluster::start().await;
    let testbed = Testbed::ready(&cluster.url()).await;
    let limits = spread(&cluster, "all", [5, 2, 5]);
    let counts = || limits.each_ref().map(|limit| count(&cluster, limit));
    for left in [1, 0] {
        let decided = testbed.decide(&limits).await;
        assert!(decided.allowed);
        assert_eq!(decided.limits[1].remaining, left, "the answers are in the order of the limits");
    }
    let refused = testbed.decide(&limits).await;
    assert!(!refused.allowed);
    assert_eq!(refused.limits.iter().map(|limit| limit.allowed).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(refused.limits[0].remaining, 3);
    assert_eq!(counts(), [Some(2); 3]);

    let [first, second, third] = limits.clone();
    let marked = [LimitCheck { count_denied: true, ..first }, second, third];
    assert!(!testbed.decide(&marked).await.allowed);
    assert_eq!(counts(), [Some(3), Some(2), Some(2)], "a refused request counts only where it is to");
}

#[tokio::test(flavor = "multi_thread")]
async fn across_nodes_concurrent_requests_never_exceed_a_limit_and_give_back_what_did_not_pass() {
    let cluster = RedisCluster::start().await;
    let testbed = std::sync::Arc::new(Testbed::ready(&cluster.url()).await);
    let limits = spread(&cluster, "many", [1_000, 20, 1_000]);
    let mut requests = JoinSet::new();
    for _ in 0..100 {
        let (testbed, limits) = (testbed.clone(), limits.clone());
        requests.spawn(async move { testbed.decide(&limits).await.allowed });
    }
    let allowed = requests.join_all().await.into_iter().filter(|allowed| *allowed).count();
    assert_eq!(allowed, 20);
    assert_eq!(limits.each_ref().map(|limit| count(&cluster, limit)), [Some(20); 3]);
}

#[tokio::test]
async fn what_was_taken_comes_back_on_each_node() {
    let cluster = RedisCluster::start().await;
    let testbed = Testbed::ready(&cluster.url()).await;
    let limits = spread(&cluster, "taken", [81; 3]).map(|limit| LimitCheck { take: 100, ..limit });
    let decided = testbed.decide(&limits).await;
    assert!(decided.limits.iter().all(|state| state.taken == 10));
    let returns: Vec<_> =
        limits.iter().zip(&decided.limits).map(|(limit, state)| back(limit, 4, state.mark)).collect();
    assert_eq!(testbed.give_back(&returns).await.status, 204);
    assert_eq!(limits.each_ref().map(|limit| count(&cluster, limit)), [Some(7); 3]);
    let charged = testbed.charge(LimitCheck { cost: 200, take: 0, ..limits[0].clone() }).await;
    assert!(charged.allowed && !charged.limits[0].allowed);
}

fn back(limit: &LimitCheck, tokens: u64, mark: u64) -> Return {
    Return {
        key: limit.key.clone(),
        algorithm: Algorithm::FixedWindow,
        limit: limit.limit,
        window_ms: limit.window_ms,
        tokens,
        mark,
        lease: None,
    }
}

#[tokio::test]
async fn every_key_on_every_node_expires() {
    let cluster = RedisCluster::start().await;
    let testbed = Testbed::ready(&cluster.url()).await;
    let limits = spread(&cluster, "expires", [5; 3]);
    testbed.decide(&limits).await;
    for limit in &limits {
        assert!(cluster.run::<i64>("PTTL", &limit.key) > 0);
    }
    for digit in ["a", "b", "c", "d", "e", "f"] {
        let name = digit.repeat(64);
        assert_eq!(testbed.put(&name, "60", digit.as_bytes()).await.status, 204);
        assert_eq!(testbed.entry_bytes(&name).await, digit.as_bytes());
        assert!(cluster.run::<i64>("TTL", &format!("ferrox:1:cache:{name}")) > 0);
    }
}

/// While a slot moves its node says ASK for keys that are gone, and afterwards MOVED for all of them.
#[tokio::test]
async fn a_slot_that_moves_is_followed() {
    let cluster = RedisCluster::start().await;
    let testbed = Testbed::ready(&cluster.url()).await;
    let limit = on(&cluster, 0, "moving", 10);
    let slot: u64 = cluster.nodes[0].run(&format!("CLUSTER KEYSLOT {}", limit.key));
    cluster.nodes[1].run::<()>(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", cluster.id(0)));
    cluster.nodes[0].run::<()>(&format!("CLUSTER SETSLOT {slot} MIGRATING {}", cluster.id(1)));
    assert_eq!(testbed.decide(std::slice::from_ref(&limit)).await.limits[0].remaining, 9, "by ASK");
    for node in [&cluster.nodes[1], &cluster.nodes[0]] {
        node.run::<()>(&format!("CLUSTER SETSLOT {slot} NODE {}", cluster.id(1)));
    }
    assert_eq!(testbed.decide(std::slice::from_ref(&limit)).await.limits[0].remaining, 8, "by MOVED");
    assert_eq!(cluster.nodes[1].run::<u64>(&format!("GET {}", limit.key)), 2);
}

#[tokio::test]
async fn a_replica_that_was_promoted_is_found() {
    let mut cluster = RedisCluster::start_with_replica().await;
    let testbed = Testbed::ready(&cluster.url()).await;
    let limits = spread(&cluster, "failover", [1_000_000; 3]);
    assert!(testbed.decide(&limits).await.allowed);
    cluster.nodes[0].kill();
    testbed.until_failing(&limits[0], "unavailable", "Redis cannot be reached").await;
    // The nodes that stayed call the Cluster down until they have heard of the new primary.
    for limit in &limits {
        testbed.until_counted(limit).await;
    }
    assert!(testbed.decide(&limits).await.allowed);
    testbed.until_ready().await;
}

#[tokio::test]
async fn a_cluster_without_some_slots_is_told() {
    let cluster = RedisCluster::start().await;
    let testbed = Testbed::ready(&cluster.url()).await;
    let limit = on(&cluster, 0, "gone", 10);
    let slot: u64 = cluster.nodes[0].run(&format!("CLUSTER KEYSLOT {}", limit.key));
    cluster.nodes[0].run::<()>(&format!("CLUSTER DELSLOTS {slot}"));
    testbed.until_failing(&limit, "cluster", "Redis is a Cluster some of whose slots no node serves").await;
}

#[tokio::test]
async fn a_cluster_behind_the_url_of_one_server_is_told() {
    let cluster = RedisCluster::start().await;
    let testbed = Testbed::ready(&cluster.nodes[0].url()).await;
    let elsewhere = on(&cluster, 1, "elsewhere", 10);
    let told =
        "Redis is a Cluster, which its URL does not say: it must begin with redis+cluster or rediss+cluster";
    testbed.until_failing(&elsewhere, "cluster", told).await;
}

#[tokio::test]
async fn a_node_of_the_url_that_is_down_does_not_keep_the_sidecar_from_the_others() {
    let mut cluster = RedisCluster::start_with_replica().await;
    let url = cluster.url();
    let limit = on(&cluster, 1, "up", 10);
    cluster.nodes[0].kill();
    // Without the vote of the others, for which they would have to miss the first node.
    cluster.nodes[3].run::<()>("CLUSTER FAILOVER TAKEOVER");
    until("the replica is promoted", async || cluster.nodes[3].is("master")).await;
    let testbed = Testbed::ready(&url).await;
    assert!(testbed.decide(&[limit]).await.allowed);
}
