//! Requests under way at once: a slot is had until the request ends, in whatever way.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream, wait::eventually};
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinHandle};

use super::{decisions, header, limited, statuses};
use crate::{
    rows,
    wire::{Answer, exchange, get},
};

const HELD: &str = "/slots/held";

/// A gateway with so many slots, and an upstream that holds what it gets at [`HELD`].
async fn gateway(slots: u64) -> (Gateway, Upstream) {
    let upstream = Upstream::start_new("u").unwrap();
    upstream.hold(HELD);
    let limit = json!({"name": "slots", "by": "address", "algorithm": "concurrency", "requests": slots});
    let rows = rows::upstream(&upstream)
        + &limited("slots", &[limit])
        + "update routes set timeout_ms = 3600000 where name = 'slots';";
    (Gateway::start(&rows).await.unwrap(), upstream)
}

/// Sends a request that is held, and waits until it is.
async fn hold(gateway: &Gateway, upstream: &Upstream) -> JoinHandle<Option<Answer>> {
    let before = upstream.requests(HELD);
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    let request = tokio::spawn(async { exchange(stream, get(HELD, "gateway", &[]).as_bytes()).await });
    eventually("the upstream holds it", async || upstream.requests(HELD) > before).await.unwrap();
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_are_under_way_and_no_more_until_one_ends() {
    let (gateway, upstream) = gateway(2).await;
    let held = [hold(&gateway, &upstream).await, hold(&gateway, &upstream).await];
    let refused = gateway.get("/slots").await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "ratelimit-policy"), r#""slots";q=2;qu="concurrent-requests""#);
    assert_eq!(header(&refused, "ratelimit"), r#""slots";r=0"#);
    assert_eq!(header(&refused, "retry-after"), "1");
    // Who was refused holds nothing, and frees nothing by its end.
    assert_eq!(statuses(&gateway, "/slots", 3).await, [429; 3]);

    upstream.release(HELD);
    for request in held {
        assert_eq!(request.await.unwrap().expect("an answer").status, 200);
    }
    eventually("both slots are free", async || {
        let response = gateway.get("/slots").await.unwrap();
        header(&response, "ratelimit") == r#""slots";r=1"#
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slot_of_a_client_that_goes_away_comes_back() {
    let (gateway, upstream) = gateway(1).await;
    let held = hold(&gateway, &upstream).await;
    assert_eq!(statuses(&gateway, "/slots", 2).await, [429; 2]);
    held.abort();
    // The upstream still holds what it got.
    gateway.until("/slots", 200).await.unwrap();
    assert_eq!(upstream.requests(HELD), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_go_away_at_once_fill_no_slots() {
    let (gateway, _upstream) = gateway(4).await;
    for _ in 0..40 {
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        stream.write_all(get(HELD, "gateway", &[]).as_bytes()).await.unwrap();
    }
    eventually("all were decided", async || decisions(&gateway).await == 40).await.unwrap();
    eventually("all slots are free", async || {
        let response = gateway.get("/slots").await.unwrap();
        header(&response, "ratelimit") == r#""slots";r=3"#
    })
    .await
    .unwrap();
}
