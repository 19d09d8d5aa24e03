//! Keys hold at once, whatever else is going on.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream, wait::eventually};
use serde_json::json;

use super::{create, gateway, run, text, until};
use crate::rows;

/// A change that makes no sense, so that all rows are refused.
fn bad() -> String {
    rows::policy("orders", "rate_limit", &json!({"limits": "none"}))
}

async fn problems(gateway: &Gateway) -> String {
    gateway.status().await.unwrap()["problems"].to_string()
}

async fn revoke(gateway: &Gateway, key: &str) {
    text(gateway.ferrox_fed(&["key", "revoke", "-"], key).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn while_other_rows_make_no_sense_keys_come_and_go() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(&upstream).await;
    let old = create(&gateway, &[]).await;
    until(&gateway, "/orders", &old, 200).await;
    gateway.sql(&bad()).await.unwrap();
    eventually("the rows are refused", async || problems(&gateway).await.contains("route_policies"))
        .await
        .unwrap();
    let new = create(&gateway, &[]).await;
    until(&gateway, "/orders", &new, 200).await;
    revoke(&gateway, &old).await;
    until(&gateway, "/orders", &old, 401).await;
    assert!(problems(&gateway).await.contains("route_policies"));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_with_bad_rows_what_was_revoked_stays_revoked() {
    let upstream = Upstream::start_new("u").unwrap();
    let mut gateway = gateway(&upstream).await;
    let (kept, gone) = (create(&gateway, &[]).await, create(&gateway, &[]).await);
    until(&gateway, "/orders", &gone, 200).await;
    gateway.control_plane.service().stop().await.unwrap();
    // Nobody hears of these: they are read at the start, with rows of which nothing can be served.
    revoke(&gateway, &gone).await;
    let new = create(&gateway, &[]).await;
    gateway.sql(&bad()).await.unwrap();
    gateway.control_plane.start().await.unwrap();
    until(&gateway, "/orders", &gone, 401).await;
    for key in [&kept, &new] {
        until(&gateway, "/orders", key, 200).await;
    }
    assert!(problems(&gateway).await.contains("route_policies"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_keys_makes_no_release() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(&upstream).await;
    let release = async || gateway.status().await.unwrap()["release"]["id"].as_i64();
    eventually("the release is recorded", async || release().await.is_some()).await.unwrap();
    let before = release().await;
    let key = create(&gateway, &[]).await;
    until(&gateway, "/orders", &key, 200).await;
    gateway.sql("update routes set priority = 1 where name = 'users'").await.unwrap();
    eventually("the next release is recorded", async || release().await.is_some_and(|id| Some(id) != before))
        .await
        .unwrap();
    let mut connection = gateway.connect().await.unwrap();
    let between: i64 = sqlx::query_scalar("select count(*) from releases where id > $1")
        .bind(before)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(between, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_a_key_names_is_not_removed() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(&upstream).await;
    let key = create(&gateway, &["--route", "users"]).await;
    until(&gateway, "/users", &key, 200).await;
    let sha256 = super::list(&gateway).await[0]["sha256"].as_str().unwrap().to_owned();
    gateway.sql("delete from routes where name = 'users'").await.unwrap();
    let problem = format!("api_keys '{}': field routes[0]: there is no route 'users'", &sha256[..8]);
    eventually("the removal is refused", async || problems(&gateway).await.contains(&problem)).await.unwrap();
    assert_eq!(super::status(&gateway, "/users", &key).await, 200);
    text(run(&gateway, &["revoke", &sha256]).await);
    until(&gateway, "/users", &key, 404).await;
}
