//! A flood of wrong tokens leaves the gateway to its clients.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream, wait::eventually};
use futures::future::join_all;
use serde_json::{Value, json};

use super::{bearer, denied, get, issuer, now};
use crate::{access_log, rows};

/// A provider whose tokens may mean any of four keys when they name none, so that a wrong one takes four times the work.
fn rows(upstream: &Upstream) -> String {
    let mut key = issuer::public_jwk("PS256");
    let keys: Vec<_> = (0..4)
        .map(|number| {
            key["kid"] = json!(number.to_string());
            key.clone()
        })
        .collect();
    [
        rows::upstream(upstream),
        rows::route("in", "u"),
        rows::provider("ps", &json!({"keys": keys})),
        rows::provider("hs", &json!({"keys": [issuer::public_jwk("HS256")]})),
        rows::policy("in", "auth", &json!({"jwt": {}, "api_key": {}})),
        rows::consumer("acme", "read", "acme-key"),
    ]
    .concat()
}

fn token(provider: &str, algorithm: &str, subject: &str) -> String {
    let (issuer, now) = (rows::issuer(provider), now());
    let claims = json!({"iss": issuer, "aud": "ferrox", "sub": subject, "iat": now, "exp": now + 600});
    issuer::sign(algorithm, &json!({"alg": algorithm}), &issuer::claims(claims))
}

/// As many requests at once, each with a wrong token of its own; their answers.
async fn flood(gateway: &Gateway, round: usize, signature: &str) -> Vec<reqwest::Response> {
    let claims = |number| {
        let subject = format!("{round} {number}");
        issuer::claims(json!({"iss": rows::issuer("ps"), "sub": subject, "exp": now() + 600}))
    };
    let wrong =
        |number| format!("{}.{signature}", issuer::signing_input(&json!({"alg": "PS256"}), &claims(number)));
    join_all((0..64).map(async |number| bearer(gateway, "/in", &wrong(number)).await)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn when_wrong_tokens_take_too_much_they_are_refused_unseen_and_others_pass() {
    let upstream = Upstream::start_new("u").unwrap();
    let mut gateway = Gateway::start(&rows(&upstream)).await.unwrap();
    let good = token("ps", "PS256", "alice");
    let (_, signature) = good.rsplit_once('.').unwrap();
    let mut round = 0;
    eventually("wrong tokens are refused unseen", async || {
        round += 1;
        let answers = flood(&gateway, round, signature).await;
        // A key and a token that takes no such work, in the midst of it.
        let key = get(&gateway, "/in", &[("x-api-key", "acme-key")]).await.status();
        let hmac = bearer(&gateway, "/in", &token("hs", "HS256", &round.to_string())).await.status();
        assert_eq!((key.as_u16(), hmac.as_u16()), (200, 200));
        let Some(unseen) = answers.into_iter().find(|answer| answer.status() != 401) else { return false };
        assert_eq!(
            (unseen.status().as_u16(), &unseen.headers()["retry-after"]),
            (503, &"1".parse().unwrap())
        );
        let problem: Value = unseen.json().await.unwrap();
        assert_eq!((&problem["status"], &problem["title"]), (&json!(503), &json!("Service Unavailable")));
        true
    })
    .await
    .unwrap();
    assert!(denied(&gateway, "too_many_invalid").await > 0);
    eventually("a token that was not yet verified passes when the flood is over", async || {
        bearer(&gateway, "/in", &good).await.status() == 200
    })
    .await
    .unwrap();
    let log = access_log::log(&mut gateway).await;
    assert!(log.contains(r#""auth":"too_many_invalid""#));
}
