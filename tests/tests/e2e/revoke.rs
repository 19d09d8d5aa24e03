//! Tokens that are taken back: `ferrox revoke`.

use std::{
    process::Output,
    time::{SystemTime, UNIX_EPOCH},
};

use ferrox_testbed::{gateway::Gateway, tokens::Issuer, upstream::Upstream, wait::eventually};
use serde_json::json;

use crate::rows;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn text(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn refusal(output: Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

async fn ferrox(gateway: &Gateway, args: &[&str]) -> Output {
    gateway.ferrox(&[&["revoke"], args].concat(), "").await.unwrap()
}

async fn status(gateway: &Gateway, token: &str) -> u16 {
    let request = gateway.client().get(gateway.url("/in")).bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

async fn until(gateway: &Gateway, token: &str, expected: u16) {
    eventually(&format!("the token gets {expected}"), async || status(gateway, token).await == expected)
        .await
        .unwrap();
}

/// A gateway whose route `/in` wants a token, and two tokens of alice and one of bob.
async fn start(upstream: &Upstream) -> (Gateway, [String; 3]) {
    let issuer = Issuer::eddsa("k").unwrap();
    let rows = [
        rows::upstream(upstream),
        rows::route("in", upstream.name()),
        rows::provider("id", &issuer.jwks().unwrap()),
        rows::policy("in", "auth", &json!({"jwt": {}})),
    ];
    let tokens = [("alice", "1"), ("alice", "2"), ("bob", "3")].map(|(subject, jti)| {
        let claims = json!({
            "iss": rows::issuer("id"), "aud": "ferrox", "sub": subject, "jti": jti, "iat": now(), "exp": now() + 600,
        });
        issuer.token(&claims).unwrap()
    });
    (Gateway::start(&rows.concat()).await.unwrap(), tokens)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_passed_is_refused_once_it_is_revoked_and_passes_again_when_that_is_removed() {
    let upstream = Upstream::start_new("u").unwrap();
    let (gateway, [one, other, _]) = start(&upstream).await;
    // Twice, so that it is remembered as verified.
    for _ in 0..2 {
        assert_eq!((status(&gateway, &one).await, status(&gateway, &other).await), (200, 200));
    }
    let id = text(
        ferrox(&gateway, &["token", "id", "1", "--for-seconds", "600", "--reason", "lost\tphone"]).await,
    );
    until(&gateway, &one, 401).await;
    assert_eq!(status(&gateway, &other).await, 200);

    let list = text(ferrox(&gateway, &["list"]).await);
    assert!(list.starts_with(&format!("{}\tid\tjti 1\t", id.trim())), "{list}");
    assert!(list.ends_with("\tlost\\tphone\n"), "{list}");
    assert_eq!(text(ferrox(&gateway, &["remove", id.trim()]).await), "");
    until(&gateway, &one, 200).await;
    assert!(refusal(ferrox(&gateway, &["remove", id.trim()]).await).contains("there is no revocation"));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_tokens_that_a_subject_has_are_refused_and_those_of_others_are_not() {
    let upstream = Upstream::start_new("u").unwrap();
    let (gateway, [one, other, bobs]) = start(&upstream).await;
    text(ferrox(&gateway, &["subject", "id", "alice", "--for-seconds", "600"]).await);
    until(&gateway, &one, 401).await;
    assert_eq!((status(&gateway, &other).await, status(&gateway, &bobs).await), (401, 200));
    // Once more, and up to an earlier time: nothing comes back.
    text(ferrox(&gateway, &["subject", "id", "alice", "--for-seconds", "1", "--before", "5"]).await);
    text(ferrox(&gateway, &["subject", "id", "bob", "--for-seconds", "600"]).await);
    until(&gateway, &bobs, 401).await;
    assert_eq!(status(&gateway, &one).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_to_an_earlier_release_brings_no_token_back() {
    let upstream = Upstream::start_new("u").unwrap();
    let (mut gateway, [one, ..]) = start(&upstream).await;
    eventually("the release is recorded", async || gateway.status().await.unwrap()["release"]["id"].is_u64())
        .await
        .unwrap();
    text(ferrox(&gateway, &["token", "id", "1", "--for-seconds", "600"]).await);
    until(&gateway, &one, 401).await;
    // After a restart with rows that make no sense the last release is served, and it is from before.
    gateway.sql("update routes set hosts = '{a..b}'").await.unwrap();
    gateway.control_plane.service().stop().await.unwrap();
    gateway.control_plane.start().await.unwrap();
    assert!(!gateway.status().await.unwrap()["problems"].as_array().unwrap().is_empty());
    eventually("Envoy is connected again", async || {
        !gateway.status().await.unwrap()["nodes"].as_array().unwrap().is_empty()
    })
    .await
    .unwrap();
    assert_eq!(status(&gateway, &one).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_other_rows_make_no_sense_tokens_are_taken_back_all_the_same() {
    let upstream = Upstream::start_new("u").unwrap();
    let (gateway, [one, ..]) = start(&upstream).await;
    assert_eq!(status(&gateway, &one).await, 200);
    gateway.sql("update routes set hosts = '{a..b}'").await.unwrap();
    let problems = async || gateway.status().await.unwrap()["problems"].as_array().unwrap().len();
    eventually("the rows are refused", async || problems().await == 1).await.unwrap();
    let id = text(ferrox(&gateway, &["token", "id", "1", "--for-seconds", "600"]).await);
    until(&gateway, &one, 401).await;
    text(ferrox(&gateway, &["remove", id.trim()]).await);
    until(&gateway, &one, 200).await;
    assert_eq!(problems().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_revoked_is_refused() {
    let upstream = Upstream::start_new("u").unwrap();
    let (gateway, _) = start(&upstream).await;
    let told = refusal(ferrox(&gateway, &["token", "nobody", "1", "--for-seconds", "1"]).await);
    assert!(told.contains("there is no provider 'nobody'"), "{told}");
    let told = refusal(ferrox(&gateway, &["token", "id", "1"]).await);
    assert!(told.contains("'id' has no max_lifetime_seconds: say with --for-seconds"), "{told}");
    let told = refusal(ferrox(&gateway, &["subject", "id", "", "--for-seconds", "1"]).await);
    assert!(told.contains("the subject must not be empty"), "{told}");
    gateway.sql("update jwt_providers set max_lifetime_seconds = 600").await.unwrap();
    text(ferrox(&gateway, &["token", "id", "1"]).await);
}
