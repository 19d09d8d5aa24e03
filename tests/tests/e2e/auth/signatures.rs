//! By whom signatures are verified, and that they are.

use std::time::{SystemTime, UNIX_EPOCH};

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use serde_json::json;

use super::issuer;
use crate::rows;

async fn counted(gateway: &Gateway, name: &str) -> u64 {
    let url = gateway.envoy_url(&format!("/stats?filter=ferrox.auth.signatures.{name}$")).unwrap();
    let stats = gateway.client().get(url).send().await.unwrap().text().await.unwrap();
    stats.trim().rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_algorithm_is_verified_and_envoy_does_what_it_can() {
    let upstream = Upstream::start_new("u").unwrap();
    let keys: Vec<_> = issuer::ALGORITHMS.iter().map(|algorithm| issuer::public_jwk(algorithm)).collect();
    let rows = [
        rows::upstream(&upstream),
        rows::route("in", "u"),
        rows::provider("all", &json!({"keys": keys})),
        rows::policy("in", "auth", &json!({"jwt": {}})),
    ];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims =
        issuer::claims(json!({"iss": rows::issuer("all"), "aud": "ferrox", "iat": now, "exp": now + 600}));
    let status = async |token: &str| {
        let request = gateway.client().get(gateway.url("/in")).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    for algorithm in issuer::ALGORITHMS {
        let before = (counted(&gateway, "by_envoy").await, counted(&gateway, "in_wasm").await);
        let token = issuer::token(algorithm, &claims);
        assert_eq!(status(&token).await, 200, "{algorithm}");
        // Another signature of the right length and form: that of another payload.
        let other = issuer::token(algorithm, &issuer::claims(json!({"sub": "mallory"})));
        let (signed, _) = token.rsplit_once('.').unwrap();
        let (_, signature) = other.rsplit_once('.').unwrap();
        assert_eq!(status(&format!("{signed}.{signature}")).await, 401, "{algorithm}");
        let after = (counted(&gateway, "by_envoy").await, counted(&gateway, "in_wasm").await);
        let by_envoy = algorithm.starts_with("RS") || algorithm.starts_with("ES");
        let expected = if by_envoy { (before.0 + 2, before.1) } else { (before.0, before.1 + 2) };
        assert_eq!(after, expected, "{algorithm}");
    }
}
