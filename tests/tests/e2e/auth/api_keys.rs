//! Consumers and their keys.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use serde_json::json;

use super::get;
use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_opens_its_routes_is_not_passed_on_and_can_be_revoked() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [
        rows::upstream(&upstream),
        rows::route("partners", "u"),
        rows::policy("partners", "auth", &json!({"api_key": {}, "scopes": ["orders"]})),
        rows::consumer("acme", "orders", "acme-key"),
        rows::consumer("poor", "", "poor-key"),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    let with = async |key: &str| get(&gateway, "/partners", &[("x-api-key", key)]).await.status().as_u16();
    assert_eq!(with("acme-key").await, 200);
    let seen = upstream.last().unwrap().headers;
    assert_eq!((seen["x-ferrox-consumer"].as_bytes(), seen.get("x-api-key")), (&b"acme"[..], None));
    assert_eq!((with("poor-key").await, with("guess").await), (403, 401));
    assert_eq!(get(&gateway, "/partners", &[]).await.status(), 401);
    let twice = get(&gateway, "/partners", &[("x-api-key", "acme-key"), ("x-api-key", "acme-key")]).await;
    assert_eq!(twice.status(), 401);

    // A second key lives beside the first, then the first is revoked. No listener drains for it.
    gateway.sql("insert into api_keys (sha256, consumer) values (sha256('new-key'), 'acme')").await.unwrap();
    let is_live = async |key: &str, status: u16| {
        ferrox_testbed::wait::eventually("the key is live", async || with(key).await == status)
            .await
            .unwrap();
    };
    is_live("new-key", 200).await;
    gateway.sql("delete from api_keys where sha256 = sha256('acme-key')").await.unwrap();
    is_live("acme-key", 401).await;
    assert_eq!(with("new-key").await, 200);
}
