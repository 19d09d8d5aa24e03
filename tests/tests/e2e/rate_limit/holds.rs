//! Limits that do not hold for everybody.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    limited,
    whose::{asked_by, behind_a_proxy},
};
use crate::rows;

fn one(fields: Value) -> [Value; 1] {
    let mut limit = json!({"name": "n", "by": "all", "requests": 1});
    limit.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    [limit]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_some_methods_lets_others_pass_uncounted() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [
        rows::upstream(&upstream),
        limited("write", &one(json!({"methods": "write"}))),
        limited("read", &one(json!({"methods": "read"}))),
        limited("listed", &one(json!({"methods": ["POST", "PUT"]}))),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    let methods = [Method::GET, Method::POST, Method::GET, Method::HEAD, Method::PUT, Method::DELETE];
    for (path, expected) in [
        ("/write", [200, 200, 200, 200, 429, 429]),
        ("/read", [200, 200, 429, 429, 200, 200]),
        ("/listed", [200, 200, 200, 200, 429, 200]),
    ] {
        let mut statuses = Vec::new();
        for method in methods.clone() {
            let response = gateway.client().request(method, gateway.url(path)).send().await.unwrap();
            statuses.push(response.status().as_u16());
        }
        assert_eq!(statuses, expected, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exempt_addresses_pass_uncounted() {
    let upstream = Upstream::start_new("u").unwrap();
    let exempt = one(json!({"exempt": {"addresses": ["192.0.2.0/24", "2001:db8::/32"]}}));
    let (_gateway, port) = behind_a_proxy(&[rows::upstream(&upstream), limited("a", &exempt)].concat()).await;
    let clients = ["192.0.2.1", "192.0.2.1", "2001:db8:1::1", "198.51.100.1", "198.51.100.2", "192.0.2.1"];
    assert_eq!(asked_by(&port, "/a", &clients).await, [200, 200, 200, 200, 429, 200]);
}

#[tokio::test(flavor = "multi_thread")]
async fn exempt_consumers_pass_uncounted_and_nobody_can_call_himself_one() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [
        rows::upstream(&upstream),
        limited("a", &one(json!({"exempt": {"consumers": ["monitoring"]}}))),
        rows::policy("a", "auth", &json!({"api_key": {}})),
        rows::consumer("monitoring", "", "key-m"),
        rows::consumer("acme", "", "key-a"),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    let mut statuses = Vec::new();
    for key in ["key-m", "key-m", "key-a", "key-a", "key-m"] {
        let request = gateway.client().get(gateway.url("/a")).header("x-api-key", key);
        let response = request.header("x-ferrox-consumer", "monitoring").send().await.unwrap();
        statuses.push(response.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429, 200]);
}
