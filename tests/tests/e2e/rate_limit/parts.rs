//! Limits that count by parts of a request.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use reqwest::Method;
use serde_json::{Value, json};

use super::limited;
use crate::{
    auth::issuer::{public_jwk, token},
    rows,
};

fn by(parts: Value) -> [Value; 1] {
    [json!({"name": "n", "by": parts, "requests": 1})]
}

/// The statuses of the answers to these, each a target and headers.
async fn asked(gateway: &Gateway, requests: &[(&str, &[(&str, &str)])]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for (target, headers) in requests {
        let request = gateway.client().get(gateway.url(target));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        statuses.push(request.send().await.unwrap().status().as_u16());
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_sends_tells_its_requests_apart_however_it_is_written() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [
        rows::upstream(&upstream),
        limited("header", &by(json!([{"header": "x-tenant"}]))),
        limited("query", &by(json!(["address", {"query": "tenant"}]))),
        limited("cookie", &by(json!([{"cookie": "sid"}]))),
        limited("path", &by(json!(["path"]))),
        limited("users", &by(json!([{"path_template": "/users/{id}/**"}]))),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    let (a, b) = ([("x-tenant", "a")], [("x-tenant", "b")]);
    let headers = [("/header", &a[..]), ("/header", &a), ("/header", &b), ("/header", &[]), ("/header", &[])];
    assert_eq!(asked(&gateway, &headers).await, [200, 429, 200, 200, 429]);
    let twice = [("x-tenant", "a"), ("x-tenant", "a")];
    assert_eq!(asked(&gateway, &[("/header", &twice)]).await, [429]);

    let target = |target| (target, &[][..]);
    let spelled =
        ["/query?tenant=a", "/query?x=1&%74enant=%61", "/query?tenant=a&tenant=a", "/query?x=1;tenant=a;y=2"];
    assert_eq!(asked(&gateway, &spelled.map(target)).await, [200, 429, 429, 429]);
    assert_eq!(asked(&gateway, &["/query?tenant=b", "/query"].map(target)).await, [200, 200]);

    let cookies = ["sid=a", "x=1; sid=\"a\"", "sid=b"].map(|cookies| [("cookie", cookies)]);
    let cookies: Vec<_> = cookies.iter().map(|cookie| ("/cookie", &cookie[..])).collect();
    assert_eq!(asked(&gateway, &cookies).await, [200, 429, 200]);

    let paths = ["/path/a", "/path/%61?q", "/path//a", "/path/b"];
    assert_eq!(asked(&gateway, &paths.map(target)).await, [200, 429, 429, 200]);
    let users = ["/users/1", "/users/1/orders", "/users/2", "/users/%31"];
    assert_eq!(asked(&gateway, &users.map(target)).await, [200, 429, 200, 429]);
}

#[tokio::test(flavor = "multi_thread")]
async fn method_host_route_and_upstream_tell_requests_apart() {
    let [one, other] = ["one", "other"].map(|name| Upstream::start_new(name).unwrap());
    let shared =
        |name: &str, part: Value| [json!({"name": name, "by": [part], "requests": 1, "shared": true})];
    let of = |route: &str, upstream: &str, limits: &[Value]| {
        limited(route, limits).replace("'u'", &format!("'{upstream}'"))
    };
    let rows = [
        rows::upstream(&one),
        rows::upstream(&other),
        of("methods", "one", &by(json!(["method"]))),
        of("hosts", "one", &by(json!(["host"]))),
        of("up1", "one", &shared("up", json!("upstream"))),
        of("up2", "one", &shared("up", json!("upstream"))),
        of("up3", "other", &shared("up", json!("upstream"))),
        of("r1", "one", &shared("r", json!("route"))),
        of("r2", "one", &shared("r", json!("route"))),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    let mut statuses = Vec::new();
    for method in [Method::GET, Method::GET, Method::POST] {
        let request = gateway.client().request(method, gateway.url("/methods"));
        statuses.push(request.send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [200, 429, 200]);
    let hosts = ["a.test", "A.TEST:80", "b.test"].map(|host| [("host", host)]);
    let hosts: Vec<_> = hosts.iter().map(|host| ("/hosts", &host[..])).collect();
    assert_eq!(asked(&gateway, &hosts).await, [200, 429, 200]);
    let upstreams = ["/up1", "/up2", "/up3"].map(|path| (path, &[][..]));
    assert_eq!(asked(&gateway, &upstreams).await, [200, 429, 200]);
    let routes = ["/r1", "/r2", "/r1"].map(|path| (path, &[][..]));
    assert_eq!(asked(&gateway, &routes).await, [200, 200, 429]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_of_a_consumer_can_count_by_itself_or_all_together() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [
        rows::upstream(&upstream),
        limited("keys", &by(json!(["api_key"]))),
        rows::policy("keys", "auth", &json!({"api_key": {}})),
        limited("consumers", &by(json!(["consumer"]))),
        rows::policy("consumers", "auth", &json!({"api_key": {}})),
        rows::consumer("a", "", "key-1"),
        "insert into api_keys (sha256, consumer) values (sha256('key-2'), 'a');".to_owned(),
        rows::consumer("b", "", "key-3"),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    for (path, statuses) in [("/keys", [200, 429, 200, 200]), ("/consumers", [200, 429, 429, 200])] {
        let keys = ["key-1", "key-1", "key-2", "key-3"].map(|key| [("x-api-key", key)]);
        let requests: Vec<_> = keys.iter().map(|key| (path, &key[..])).collect();
        assert_eq!(asked(&gateway, &requests).await, statuses, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_a_limit_names_tells_tokens_apart() {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [
        rows::upstream(&upstream),
        rows::provider("id", &json!({"keys": [public_jwk("EdDSA")]})),
        limited("claims", &by(json!([{"claim": "org.id"}]))),
        rows::policy("claims", "auth", &json!({"jwt": {}})),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    let bearer = |subject: &str, org: Value| {
        let mut claims = crate::auth::claims("id");
        (claims["sub"], claims["org"]) = (json!(subject), org);
        format!("Bearer {}", token("EdDSA", &claims))
    };
    let tokens = [
        bearer("alice", json!({"id": 1})),
        bearer("bob", json!({"id": 1})),
        bearer("alice", json!({"id": "1"})),
        bearer("carol", Value::Null),
        bearer("dave", json!({})),
    ];
    let tokens = tokens.iter().map(|token| [("authorization", token.as_str())]).collect::<Vec<_>>();
    let requests: Vec<_> = tokens.iter().map(|token| ("/claims", &token[..])).collect();
    assert_eq!(asked(&gateway, &requests).await, [200, 429, 200, 200, 429]);
}
