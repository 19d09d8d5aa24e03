//! Every algorithm without Redis, by the counts of each worker of Envoy.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream, wait::eventually};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{limited, statuses};
use crate::{
    rows,
    wire::{exchange, get},
};

/// Workers of the testbed's Envoys, each of which counts on its own.
const WORKERS: usize = 2;

fn limit(fields: &Value) -> Value {
    let mut limit = json!({"name": "n", "by": "address", "requests": 2, "on_store_failure": "local"});
    limit.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    limit
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_algorithm_counts_on() {
    let upstream = Upstream::start_new("u").unwrap();
    // What each worker lets pass.
    let counted = [
        ("fixed", json!({}), 2),
        ("sliding", json!({"algorithm": "sliding_window"}), 2),
        ("bucket", json!({"algorithm": "token_bucket", "burst": 3}), 3),
        ("part", json!({"requests": 10, "local_percent": 20}), 2),
        ("costly", json!({"requests": 10, "cost": 5}), 2),
    ];
    let mut rows = rows::upstream(&upstream);
    for (name, fields, _) in &counted {
        rows += &limited(name, &[limit(fields)]);
    }
    rows += &limited("reported", &[limit(&json!({"report_only": true}))]);
    rows += &limited("slots", &[limit(&json!({"algorithm": "concurrency"}))]);
    let mut gateway = Gateway::start(&rows).await.unwrap();
    gateway.until("/slots", 200).await.unwrap();
    gateway.redis.service().kill().unwrap();

    for (name, _, most) in counted {
        let statuses = statuses(&gateway, &format!("/{name}"), 20).await;
        let passed = statuses.iter().filter(|status| **status == 200).count();
        assert!((most..=most * WORKERS).contains(&passed), "{name}: {statuses:?}");
        assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{name}: {statuses:?}");
    }
    assert_eq!(statuses(&gateway, "/reported", 10).await, [200; 10]);
    // Each ends before the next begins.
    assert_eq!(statuses(&gateway, "/slots", 10).await, [200; 10]);

    upstream.hold("/slots/held");
    let mut held = Vec::new();
    for _ in 0..10 {
        let stream = TcpStream::connect(gateway.address()).await.unwrap();
        let request = get("/slots/held", "gateway", &[]);
        held.push(tokio::spawn(async move { exchange(stream, request.as_bytes()).await }));
    }
    eventually("all but those that are held are refused", async || {
        let ended = held.iter().filter(|request| request.is_finished()).count();
        ended as u64 + upstream.requests("/slots/held") == 10
    })
    .await
    .unwrap();
    let under_way = upstream.requests("/slots/held");
    assert!((2..=2 * WORKERS as u64).contains(&under_way), "{under_way} at once");
    upstream.release("/slots/held");
    for request in held {
        assert!([200, 429].contains(&request.await.unwrap().expect("an answer").status));
    }
}
