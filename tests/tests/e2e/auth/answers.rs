//! What a refused client is told.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use serde_json::{Value, json};

use super::{challenge, get, issuer::public_jwk};
use crate::{access_log, rows};

async fn gateway() -> Gateway {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = [
        rows::upstream(&upstream),
        rows::route("both", "u"),
        rows::route("admin", "u"),
        rows::provider("ed", &json!({"keys": [public_jwk("EdDSA")]})),
        rows::policy("both", "auth", &json!({"jwt": {}, "api_key": {}})),
        rows::policy("admin", "auth", &json!({"api_key": {}, "scopes": ["admin", "x:y"]})),
        rows::consumer("acme", "read", "acme-key"),
    ];
    Gateway::start(&rows.concat()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_a_challenge_and_a_problem_with_the_id_of_the_log() {
    let mut gateway = gateway().await;
    let nothing = get(&gateway, "/both", &[("user-agent", "nothing")]).await;
    assert_eq!(nothing.status(), 401);
    let challenges: Vec<_> = nothing.headers().get_all("www-authenticate").iter().collect();
    // RFC 6750 section 3: no error code where nothing was brought.
    assert_eq!(challenges, [r#"Bearer realm="ferrox""#, r#"ApiKey realm="ferrox""#]);
    assert_eq!(nothing.headers()["content-type"], "application/problem+json");
    assert_eq!(nothing.headers()["cache-control"], "no-store");
    let problem: Value = nothing.json().await.unwrap();
    assert_eq!((&problem["status"], &problem["title"]), (&json!(401), &json!("Unauthorized")));

    let malformed = get(&gateway, "/both", &[("authorization", "Bearer x")]).await;
    assert!(challenge(&malformed).starts_with(r#"Bearer realm="ferrox", error="invalid_token", "#));
    let two = get(&gateway, "/both", &[("authorization", "Bearer x"), ("authorization", "Bearer x")]).await;
    assert!(challenge(&two).starts_with(r#"Bearer realm="ferrox", error="invalid_request", "#));
    let poor = get(&gateway, "/admin", &[("x-api-key", "acme-key")]).await;
    assert_eq!(poor.status(), 403);
    assert!(challenge(&poor).contains(r#"error="insufficient_scope""#));
    assert!(challenge(&poor).ends_with(r#"scope="admin x:y""#), "{}", challenge(&poor));

    let log = access_log::log(&mut gateway).await;
    let line = access_log::line(&log, "nothing");
    assert!(line["request_id"].is_string());
    assert_eq!(line["request_id"], problem["request_id"]);
}

/// gRPC over HTTP/2: an answer with status 200 that is headers only and holds the status of the call.
#[tokio::test(flavor = "multi_thread")]
async fn a_grpc_call_is_refused_with_a_grpc_status() {
    let gateway = gateway().await;
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    for (path, key, status, grpc_status) in
        [("/both/ferrox.Test/Call", "guess", 401, "16"), ("/admin/ferrox.Test/Call", "acme-key", 403, "7")]
    {
        let call = |content_type: &str| {
            let call = client.post(gateway.url(path)).header("x-api-key", key).header("te", "trailers");
            call.header("content-type", content_type).body(vec![0; 5]).send()
        };
        for content_type in ["application/grpc", "application/grpc+proto"] {
            let response = call(content_type).await.unwrap();
            assert_eq!(response.version(), reqwest::Version::HTTP_2);
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["grpc-status"], grpc_status);
            assert_eq!(response.headers()["content-type"], "application/grpc");
            assert!(challenge(&response).starts_with("ApiKey") || challenge(&response).starts_with("Bearer"));
            assert!(response.bytes().await.unwrap().is_empty());
        }
        let response = call("application/json").await.unwrap();
        assert_eq!((response.status().as_u16(), response.headers().get("grpc-status")), (status, None));
    }
}
