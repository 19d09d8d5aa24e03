//! Keys that verify nothing, or too little, are refused with their row.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream, wait::eventually};
use serde_json::{Value, json};

use super::issuer::{private_jwk, public_jwk};
use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn a_weak_private_or_misplaced_key_is_refused_and_not_shown() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = Gateway::start(&(rows::upstream(&upstream) + &rows::route("r", "u"))).await.unwrap();
    let with = |algorithm: &str, member: &str, value: Value| {
        let mut jwk = public_jwk(algorithm);
        jwk[member] = value;
        jwk
    };
    let short = public_jwk("RS256")["n"].as_str().unwrap()[..340].to_owned();
    for (jwk, reason) in [
        (with("RS256", "n", json!(short)), "n: must be at least 2048 bits"),
        (with("HS256", "k", json!("c2VjcmV0LXNlY3JldC1zZWNyZXQ")), "k: must be at least 32 bytes"),
        (with("HS512", "k", json!("A".repeat(84))), "k: must be at least 64 bytes"),
        (private_jwk("RS256"), "d: belongs to the private key"),
        (private_jwk("ES384"), "d: belongs to the private key"),
        (private_jwk("EdDSA"), "d: belongs to the private key"),
        (with("ES256", "use", json!("enc")), "use: must be sig"),
        (with("ES256", "key_ops", json!(["sign"])), "key_ops: must be a list that holds verify"),
        (with("ES256", "alg", json!("none")), "alg: this key can be used for ES256 only"),
        (with("ES256", "alg", json!("HS256")), "alg: this key can be used for ES256 only"),
        (with("ES256", "crv", json!("P-521")), "crv: must be P-256 or P-384"),
        (with("EdDSA", "crv", json!("X25519")), "crv: must be Ed25519"),
    ] {
        gateway.sql(&rows::provider("new", &json!({"keys": [jwk]}))).await.unwrap();
        eventually("the row is refused", async || {
            let problems = gateway.status().await.unwrap()["problems"].to_string();
            problems.contains("jwt_providers 'new'") && problems.contains(reason)
        })
        .await
        .unwrap_or_else(|error| panic!("{reason}: {error}"));
        let status = gateway.status().await.unwrap().to_string();
        for secret in ["d", "k"].iter().filter_map(|member| jwk[*member].as_str()) {
            assert!(!status.contains(secret), "{reason}");
        }
        gateway.sql("delete from jwt_providers").await.unwrap();
        eventually("nothing is wrong", async || gateway.status().await.unwrap()["problems"] == json!([]))
            .await
            .unwrap();
    }
    assert_eq!(gateway.get("/r").await.unwrap().status(), 200);
}
