//! Which request goes where.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use reqwest::Method;
use serde_json::Value;

use crate::rows;

async fn target(request: reqwest::RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap_or_default();
    (status, body["upstream"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn host_path_method_and_priority_choose_the_route() {
    let upstreams = ["any", "exact", "posts", "host", "first"].map(|name| Upstream::start_new(name).unwrap());
    let mut rows: String = upstreams.iter().map(rows::upstream).collect();
    rows += "
        insert into routes (name, hosts, path_exact, path_prefix, methods, priority) values
            ('any', '{*}', null, '/', '{}', 0),
            ('exact', '{*}', '/a', null, '{}', 0),
            ('posts', '{*}', null, '/a/', '{POST}', 0),
            ('host', '{*.example.com}', null, '/', '{}', 0),
            ('first', '{*}', null, '/urgent', '{}', 1);
        insert into route_upstreams (route, upstream) select name, name from routes;";
    let gateway = Gateway::start(&rows).await.unwrap();
    let client = gateway.client();
    let get = |path: &str| client.get(gateway.url(path));

    assert_eq!(target(get("/")).await, (200, "any".to_owned()));
    assert_eq!(target(get("/a")).await, (200, "exact".to_owned()));
    assert_eq!(target(get("/a/b")).await, (200, "any".to_owned()));
    assert_eq!(target(client.request(Method::POST, gateway.url("/a/b"))).await, (200, "posts".to_owned()));
    assert_eq!(target(get("/").header("host", "www.example.com:8080")).await, (200, "host".to_owned()));
    assert_eq!(target(get("/").header("host", "example.com")).await, (200, "any".to_owned()));
    assert_eq!(target(get("/urgent/x").header("host", "www.example.com")).await, (200, "first".to_owned()));
    assert_eq!(target(get("/urgently").header("host", "www.example.com")).await, (200, "host".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_share_the_requests_and_nothing_matches_means_404() {
    let (heavy, light, none) = (
        Upstream::start_new("heavy").unwrap(),
        Upstream::start_new("light").unwrap(),
        Upstream::start_new("none").unwrap(),
    );
    let rows = [rows::upstream(&heavy), rows::upstream(&light), rows::upstream(&none)].concat()
        + "insert into routes (name, path_prefix) values ('split', '/split');
           insert into route_upstreams (route, upstream, weight) values
               ('split', 'heavy', 3), ('split', 'light', 1), ('split', 'none', 0);";
    let gateway = Gateway::start(&rows).await.unwrap();
    for _ in 0..400 {
        assert_eq!(gateway.get("/split").await.unwrap().status(), 200);
    }
    let light = light.requests("/split");
    // 100 are expected, with a standard deviation of 9: five of them either way are one failure in a million.
    assert!((55..=145).contains(&light), "{light} of 400");
    assert_eq!((heavy.requests("/split") + light, none.requests("/split")), (400, 0));
    assert_eq!(gateway.get("/elsewhere").await.unwrap().status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_takes_too_long_is_cut_off() {
    let upstream = Upstream::start_new("slow").unwrap();
    let rows = rows::upstream(&upstream)
        + &rows::route("slow", "slow")
        + "update routes set timeout_ms = 50 where name = 'slow';";
    let gateway = Gateway::start(&rows).await.unwrap();
    upstream.behave(ferrox_testbed::upstream::Behaviour::Slow(std::time::Duration::from_secs(30)));
    assert_eq!(gateway.get("/slow").await.unwrap().status(), 504);
}
