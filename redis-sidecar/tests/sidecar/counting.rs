//! What counts and what does not: refused requests, looks, limits that are only reported, and what comes back.

use ferrox_policy::{
    rate_limit::Algorithm,
    sidecar::{LimitCheck, Return},
};
use tokio::task::JoinSet;

use crate::{
    redis_server::RedisServer,
    testbed::{Testbed, limit, until},
};

const HOUR: u64 = 3_600_000;
const RATES: [Algorithm; 3] = [Algorithm::FixedWindow, Algorithm::SlidingWindow, Algorithm::TokenBucket];

fn by(algorithm: Algorithm, key: &str, most: u64) -> LimitCheck {
    LimitCheck { algorithm, ..limit(&format!("{key}|{algorithm:?}"), most, HOUR) }
}

fn under_way(lease: &str, most: u64, window_ms: u64) -> LimitCheck {
    LimitCheck {
        algorithm: Algorithm::Concurrency,
        lease: Some(lease.to_owned()),
        ..limit("c", most, window_ms)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_algorithm_concurrent_requests_never_exceed_the_limit() {
    let redis = RedisServer::start();
    let testbed = std::sync::Arc::new(Testbed::ready(&redis.url()).await);
    for algorithm in [RATES.as_slice(), &[Algorithm::Concurrency]].concat() {
        let mut requests = JoinSet::new();
        for number in 0..100 {
            let testbed = testbed.clone();
            let lease = (algorithm == Algorithm::Concurrency).then(|| number.to_string());
            let check = LimitCheck { lease, ..by(algorithm, "many", 20) };
            requests.spawn(async move { testbed.decide(&[check]).await.allowed });
        }
        let allowed = requests.join_all().await.into_iter().filter(|allowed| *allowed).count();
        assert_eq!(allowed, 20, "{algorithm:?}");
    }
}

#[tokio::test]
async fn a_refused_request_counts_only_where_it_is_to() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    for algorithm in RATES {
        let wide = LimitCheck { count_denied: true, ..by(algorithm, "wide", 10) };
        let narrow = by(algorithm, "narrow", 1);
        let both = [wide.clone(), narrow];
        assert!(testbed.decide(&both).await.allowed);
        let refused = testbed.decide(&both).await;
        assert!(!refused.allowed && refused.limits[0].allowed && !refused.limits[1].allowed);
        assert_eq!(refused.limits[0].remaining, 8, "{algorithm:?}");
        assert_eq!(testbed.decide(&[LimitCheck { cost: 0, ..wide }]).await.limits[0].remaining, 8);
    }
}

#[tokio::test]
async fn a_look_counts_nothing() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    for algorithm in RATES {
        let look = LimitCheck { cost: 0, ..by(algorithm, "look", 1) };
        for _ in 0..3 {
            let looked = testbed.decide(std::slice::from_ref(&look)).await;
            assert_eq!((looked.allowed, looked.limits[0].remaining), (true, 1));
        }
        assert!(testbed.decide(&[LimitCheck { cost: 1, ..look.clone() }]).await.allowed);
        assert!(!testbed.decide(&[look]).await.allowed);
    }
}

#[tokio::test]
async fn a_limit_that_is_only_reported_refuses_nothing() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    for algorithm in RATES {
        let reported = LimitCheck { report_only: true, ..by(algorithm, "reported", 1) };
        let kept = by(algorithm, "kept", 3);
        for room in [true, false, false] {
            let decided = testbed.decide(&[reported.clone(), kept.clone()]).await;
            assert_eq!((decided.allowed, decided.limits[0].allowed), (true, room), "{algorithm:?}");
        }
        assert!(!testbed.decide(&[reported, kept]).await.allowed);
    }
}

#[tokio::test]
async fn what_has_happened_counts_beyond_the_limit() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    for algorithm in RATES {
        let ten = LimitCheck { cost: 25, ..by(algorithm, "cost", 10) };
        let charged = testbed.charge(ten.clone()).await;
        assert!(charged.allowed && !charged.limits[0].allowed);
        assert_eq!(charged.limits[0].remaining, 0);
        assert!(!testbed.decide(&[LimitCheck { cost: 1, ..ten }]).await.allowed, "{algorithm:?}");
    }
}

#[tokio::test]
async fn what_was_taken_comes_back_to_its_own_window_only() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    let check = LimitCheck { take: 100, ..limit("taken", 81, HOUR) };
    let first = testbed.decide(std::slice::from_ref(&check)).await.limits[0].clone();
    assert_eq!((first.taken, first.remaining), (10, 70));
    let back = |tokens, mark| Return {
        key: check.key.clone(),
        algorithm: check.algorithm,
        limit: check.limit,
        window_ms: check.window_ms,
        tokens,
        mark,
        lease: None,
    };
    let left = async || {
        testbed.decide(&[LimitCheck { cost: 0, take: 0, ..check.clone() }]).await.limits[0].remaining
    };
    assert_eq!(testbed.give_back(&[back(4, first.mark)]).await.status, 204);
    assert_eq!(left().await, 74);
    testbed.give_back(&[back(4, first.mark - 1)]).await;
    assert_eq!(left().await, 74, "it was another window");
    testbed.give_back(&[back(50, first.mark)]).await;
    assert_eq!(left().await, 74, "more than was counted");
    assert_eq!(testbed.give_back(&[]).await.status, 400);
}

#[tokio::test]
async fn a_request_under_way_ends_by_itself_where_nobody_ends_it() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    assert!(testbed.decide(&[under_way("a", 1, 200)]).await.allowed);
    until("it is given up", async || testbed.decide(&[under_way("b", 1, HOUR)]).await.allowed).await;
    let end = Return {
        key: under_way("b", 1, HOUR).key,
        algorithm: Algorithm::Concurrency,
        limit: 1,
        window_ms: HOUR,
        tokens: 0,
        mark: 0,
        lease: Some("b".to_owned()),
    };
    assert!(!testbed.decide(&[under_way("c", 1, HOUR)]).await.allowed);
    assert_eq!(testbed.give_back(&[end]).await.status, 204);
    assert!(testbed.decide(&[under_way("c", 1, HOUR)]).await.allowed);
}

#[tokio::test]
async fn every_count_expires() {
    let redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    let mut checks: Vec<_> = RATES.map(|algorithm| by(algorithm, "expires", 5)).to_vec();
    checks.push(under_way("a", 5, HOUR));
    testbed.decide(&checks).await;
    for check in checks {
        let left: i64 = redis.run(&format!("PTTL {}", check.key));
        let longest = i64::try_from(HOUR / 16 * 17).unwrap();
        assert!((1..=longest).contains(&left), "{}: {left}", check.key);
    }
}
