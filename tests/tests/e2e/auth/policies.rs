//! What a policy asks for, and where.

use ferrox_testbed::{gateway::Gateway, tokens::Issuer, upstream::Upstream};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Case, assert_judged, claims, get};
use crate::rows;

async fn gateway(upstream: &Upstream, issuer: &Issuer, policies: &[(&str, Value)]) -> Gateway {
    let mut rows = rows::upstream(upstream)
        + &rows::provider("ed", &issuer.jwks().unwrap())
        + &rows::consumer("acme", "read", "acme-key");
    for (route, policy) in policies {
        rows += &rows::route(route, upstream.name());
        rows += &rows::policy(route, "auth", policy);
    }
    Gateway::start(&rows).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_kind_or_all_or_none_is_needed() {
    let upstream = Upstream::start_new("u").unwrap();
    let issuer = Issuer::eddsa("k").unwrap();
    let both = |more: Value| {
        let mut policy = json!({"jwt": {}, "api_key": {}});
        policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        policy
    };
    let policies = [
        ("any", both(json!({}))),
        ("all", both(json!({"require": "all"}))),
        ("optional", both(json!({"optional": true}))),
        ("report", both(json!({"report_only": true, "scopes": ["admin"]}))),
    ];
    let mut gateway = gateway(&upstream, &issuer, &policies).await;
    let token = issuer.token(&claims("ed")).unwrap();
    let key = |case: Case| case.header("x-api-key", "acme-key");
    let case = Case::new;

    let reported = case("reported", "/report", None).bearer("x").header("x-ferrox-subject", "root");
    assert_eq!(reported.send(&gateway).await.status(), 200);
    let seen = upstream.last().unwrap().headers;
    assert_eq!((seen.get("x-ferrox-subject"), seen.get("x-ferrox-consumer")), (None, None));
    let cases = [
        case("any: token", "/any", None).bearer(&token),
        key(case("any: key", "/any", None)),
        case("any: nothing", "/any", Some("missing")),
        key(case("any: both, one is wrong", "/any", Some("malformed"))).bearer("x"),
        key(case("all", "/all", None)).bearer(&token),
        case("all: token", "/all", Some("missing")).bearer(&token),
        key(case("all: key", "/all", Some("missing"))),
        case("optional: nothing", "/optional", None),
        case("optional: token", "/optional", None).bearer(&token),
        case("optional: liar", "/optional", Some("malformed")).bearer("x"),
        case("optional: guess", "/optional", Some("unknown_api_key")).header("x-api-key", "guess"),
    ];
    assert_judged(&mut gateway, &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_come_from_their_places_and_go_where_the_policy_says() {
    let upstream = Upstream::start_new("u").unwrap();
    let issuer = Issuer::eddsa("k").unwrap();
    let places = json!([{"header": "x-token", "prefix": "T "}, {"query": "t"}, {"cookie": "t"}]);
    let policies = [
        ("stripped", json!({"jwt": {"from": places, "forward": false}})),
        ("kept", json!({"jwt": {"from": places}, "api_key": {"forward": true}})),
    ];
    let gateway = gateway(&upstream, &issuer, &policies).await;
    let token = issuer.token(&claims("ed")).unwrap();
    let (header, query, cookie) =
        (format!("T {token}"), format!("?a=b&t={token}&c"), format!("a=b; t={token}"));
    for (path, is_kept) in [("/stripped", false), ("/kept", true)] {
        assert_eq!(get(&gateway, path, &[("x-token", &header)]).await.status(), 200);
        let seen = upstream.last().unwrap().headers;
        assert_eq!(seen.get("x-token").is_some(), is_kept);
        assert_eq!(seen["x-ferrox-subject"], "alice");

        assert_eq!(get(&gateway, &format!("{path}{query}"), &[]).await.status(), 200);
        let expected = if is_kept { format!("{path}{query}") } else { format!("{path}?a=b&c") };
        assert_eq!(upstream.last().unwrap().path_and_query, expected);

        assert_eq!(get(&gateway, path, &[("cookie", &cookie)]).await.status(), 200);
        let expected = if is_kept { cookie.as_str() } else { "a=b" };
        assert_eq!(upstream.last().unwrap().headers["cookie"], expected);

        // One token in all places together, and none where the policy does not look.
        let twice = get(&gateway, &format!("{path}{query}"), &[("cookie", &cookie)]).await;
        assert_eq!(twice.status(), 401);
        assert_eq!(get(&gateway, path, &[("x-token", &token)]).await.status(), 401);
        assert_eq!(get(&gateway, path, &[("authorization", &format!("Bearer {token}"))]).await.status(), 401);
    }
    assert_eq!(get(&gateway, "/kept", &[("x-api-key", "acme-key")]).await.status(), 200);
    assert_eq!(upstream.last().unwrap().headers["x-api-key"], "acme-key");
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_can_need_more_claims_become_headers_and_a_preflight_passes() {
    let upstream = Upstream::start_new("u").unwrap();
    let issuer = Issuer::eddsa("k").unwrap();
    let policy = json!({
        "jwt": {}, "methods": [{"methods": ["POST"], "scopes": ["write"]}],
        "claim_headers": [{"claim": "realm.email", "header": "x-email"}],
    });
    let gateway = gateway(&upstream, &issuer, &[("in", policy)]).await;
    let mut claims = claims("ed");
    claims["realm"] = json!({"email": "a@example.com"});
    let token = issuer.token(&claims).unwrap();
    let send = async |method: Method, headers: &[(&str, &str)]| {
        let request = gateway.client().request(method, gateway.url("/in")).header("x-email", "root");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap().status().as_u16()
    };
    let authorization = format!("Bearer {token}");
    let bearer = [("authorization", authorization.as_str())];
    assert_eq!(send(Method::GET, &bearer).await, 200);
    let seen = upstream.last().unwrap().headers;
    assert_eq!(seen.get_all("x-email").iter().collect::<Vec<_>>(), ["a@example.com"]);
    assert_eq!(send(Method::POST, &bearer).await, 403);
    let preflight = [("origin", "https://a.example"), ("access-control-request-method", "POST")];
    assert_eq!(send(Method::OPTIONS, &preflight).await, 200);
    assert_eq!(upstream.last().unwrap().headers.get("x-email"), None);
    for no_preflight in [&preflight[..1], &preflight[1..], &[]] {
        assert_eq!(send(Method::OPTIONS, no_preflight).await, 401);
    }
    assert_eq!(send(Method::GET, &preflight).await, 401);
}
