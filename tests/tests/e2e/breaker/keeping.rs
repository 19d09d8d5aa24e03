//! What an open breaker survives, and who does not notice it.

use ferrox_testbed::{
    gateway::Gateway,
    upstream::{Behaviour, Upstream},
    wait::eventually,
};

use super::{FAILING, assert_open, fail};
use crate::{load::Client, pool::until_in, rows};

/// A gateway with an upstream whose breaker is open, and one that serves.
async fn with_one_open(down: &Upstream, healthy: &Upstream) -> Gateway {
    let rows =
        rows::routed(down, "failures = 3, open_for_ms = 3600000") + &rows::routed(healthy, "failures = 5");
    let mut gateway = Gateway::start(&rows).await.unwrap();
    down.behave(FAILING);
    fail(&gateway, &format!("/{}", down.name()), 3).await;
    until_in(&mut gateway, down.name(), 0).await;
    gateway
}

/// Makes a change and waits until it is live, for which a new route to `healthy` in the same change is the sign.
async fn change(gateway: &Gateway, number: usize, sql: &str) {
    let sign = format!("sign{number}");
    gateway.sql(&format!("{sql};{}", rows::route(&sign, "healthy"))).await.unwrap();
    gateway.until(&format!("/{sign}"), 200).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_breaker_survives_changes_of_all_that_is_not_its_upstreams_row() {
    let (down, healthy) = (Upstream::start_new("down").unwrap(), Upstream::start_new("healthy").unwrap());
    let other = Upstream::start_new("other").unwrap();
    let mut gateway = with_one_open(&down, &healthy).await;
    let changes = [
        "update upstreams set force = 'open' where name = 'down'".to_owned(),
        "update upstreams set force = null where name = 'down'".to_owned(),
        "update routes set timeout_ms = 1234 where name = 'down'".to_owned(),
        "update upstreams set failures = 7, connect_timeout_ms = 99 where name = 'healthy'".to_owned(),
        rows::route("more", "down"),
        "update endpoints set weight = 7 where upstream = 'down'".to_owned(),
        rows::upstream(&other)
            + &rows::target("down", "other")
            + "update route_upstreams set weight = 0 where upstream = 'other'",
    ];
    for (number, sql) in changes.iter().enumerate() {
        change(&gateway, number, sql).await;
        assert_open(&gateway, &down, "/down").await;
    }

    // An endpoint comes and goes; that which is out stays out.
    change(&gateway, 10, &rows::endpoint("down", other.port())).await;
    until_in(&mut gateway, "down", 1).await;
    for _ in 0..20 {
        assert_eq!(gateway.get("/down").await.unwrap().status(), 200);
    }
    assert_eq!(other.requests("/down"), 20);
    change(
        &gateway,
        11,
        &format!("delete from endpoints where port = {} and upstream = 'down'", other.port()),
    )
    .await;
    until_in(&mut gateway, "down", 0).await;
    assert_open(&gateway, &down, "/down").await;
    assert_eq!(down.requests("/down"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_upstreams_row_closes_its_breaker() {
    let (down, healthy) = (Upstream::start_new("down").unwrap(), Upstream::start_new("healthy").unwrap());
    let gateway = with_one_open(&down, &healthy).await;
    gateway.sql("update upstreams set connect_timeout_ms = 999 where name = 'down'").await.unwrap();
    gateway.until("/down", 500).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_a_healthy_upstream_see_nothing_of_one_that_is_down() {
    let (mut down, healthy) = (Upstream::start_new("down").unwrap(), Upstream::start_new("healthy").unwrap());
    let rows =
        rows::routed(&down, "failures = 3, open_for_ms = 100") + &rows::routed(&healthy, "failures = 5");
    let gateway = Gateway::start(&rows).await.unwrap();
    let get = |path: &str| gateway.client().get(gateway.url(path));
    let client = Client::start(vec![get("/healthy")]);
    let trouble = tokio::spawn({
        let (client, url) = (gateway.client().clone(), gateway.url("/down"));
        async move {
            loop {
                drop(client.get(&url).send().await);
            }
        }
    });
    for step in 0..4 {
        match step {
            0 => down.behave(FAILING),
            1 => down.close(),
            2 => down.open().unwrap(),
            _ => down.behave(Behaviour::Answer),
        }
        client.enough().await;
    }
    eventually("the other serves again", async || gateway.get("/down").await.unwrap().status() == 200)
        .await
        .unwrap();
    trouble.abort();
    let failures = client.finish().await;
    assert!(failures.is_empty(), "{failures:?}");
}
