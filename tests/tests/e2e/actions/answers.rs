//! Routes that Envoy answers by itself, and routes that are not there.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use serde_json::json;

use super::{client, header, set};
use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_redirected_with_what_is_not_replaced_kept() {
    let insert = |name: &str, redirect: serde_json::Value| {
        format!(
            "insert into routes (name, path_prefix, redirect) values ('{name}', '/{name}', '{redirect}');"
        )
    };
    let rows = [
        insert("secure", json!({"scheme": "https"})),
        insert("moved", json!({"host": "new.example.com", "port": 8443, "prefix": "/", "status": 308})),
        insert("away", json!({"path": "/there?x=1", "status": 303, "strip_query": true})),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    let client = client();
    let redirected = async |path: &str| {
        let request = client.post(gateway.url(path)).header("host", "a.example.com");
        let response = request.send().await.unwrap();
        format!("{} {}", response.status().as_u16(), header(&response, "location"))
    };
    assert_eq!(redirected("/secure/a?b=c").await, "302 https://a.example.com/secure/a?b=c");
    assert_eq!(redirected("/moved/a?b=c").await, "308 http://new.example.com:8443/a?b=c");
    assert_eq!(redirected("/moved").await, "308 http://new.example.com:8443/");
    assert_eq!(redirected("/away/a?b=c").await, "303 http://a.example.com/there?x=1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_can_answer_by_itself_behind_its_policies() {
    let rows = "insert into routes (name, path_exact, response) values
            ('open', '/open', '{\"status\": 410, \"body\": \"{\\\"gone\\\": \\\"100%\\\"}\", \"content_type\": \"application/json\"}'),
            ('closed', '/closed', '{\"status\": 204}');"
        .to_owned()
        + &rows::policy("closed", "auth", &json!({"api_key": {}}))
        + &rows::consumer("acme", "", "acme-key");
    let gateway = Gateway::start(&rows).await.unwrap();
    let response = gateway.get("/open").await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (410, "application/json"));
    assert_eq!(response.text().await.unwrap(), r#"{"gone": "100%"}"#);
    assert_eq!(gateway.get("/closed").await.unwrap().status(), 401);
    let request = gateway.client().get(gateway.url("/closed")).header("x-api-key", "acme-key");
    assert_eq!(request.send().await.unwrap().status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_is_answered_before_any_policy_and_ends_with_its_row() {
    let upstream = Upstream::start_new("u").unwrap();
    let maintenance = json!({"body": "Back soon", "content_type": "text/html", "retry_after_seconds": 120});
    let rows = rows::upstream(&upstream)
        + &rows::route("r", "u")
        + &rows::policy("r", "auth", &json!({"api_key": {}}))
        + &set("r", "maintenance", &maintenance);
    let gateway = Gateway::start(&rows).await.unwrap();
    let response = gateway.get("/r").await.unwrap();
    let headers = (header(&response, "retry-after"), header(&response, "content-type"));
    assert_eq!((response.status().as_u16(), headers), (503, ("120", "text/html")));
    assert_eq!(response.text().await.unwrap(), "Back soon");
    assert_eq!(upstream.requests("/r"), 0);

    gateway.sql("update routes set maintenance = null").await.unwrap();
    gateway.until("/r", 401).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_is_switched_off_leaves_its_place_to_another() {
    let (one, two) = (Upstream::start_new("one").unwrap(), Upstream::start_new("two").unwrap());
    let rows = [
        rows::upstream(&one),
        rows::upstream(&two),
        rows::route("r", "one"),
        "insert into routes (name, path_prefix, enabled) values ('r-next', '/r', false);".to_owned(),
        rows::target("r-next", "two"),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    assert_eq!(gateway.get("/r").await.unwrap().status(), 200);
    assert_eq!((one.requests("/r"), two.requests("/r")), (1, 0));

    gateway.sql("update routes set enabled = not enabled").await.unwrap();
    ferrox_testbed::wait::eventually("the other route has taken over", async || {
        gateway.get("/r").await.unwrap().status() == 200 && two.requests("/r") > 0
    })
    .await
    .unwrap();
    gateway.sql("update routes set enabled = false").await.unwrap();
    gateway.until("/r", 404).await.unwrap();
}
