//! JWK Sets: what is accepted can verify and is strong, and what is refused is not shown.

use ferrox_auth::{Auth, check};
use ferrox_host::{Plugin, mock::MockHost};
use serde_json::{Value, json};

use super::signed::decode;
use crate::{
    gateway::Gateway,
    issuer::{ALGORITHMS, NOW, claims, signing_input},
};

/// Any bytes as a JWK Set of a provider.
pub fn hold(data: &[u8]) {
    let Ok(jwks) = serde_json::from_slice::<Value>(data) else { return };
    let provider = json!({"name": "a", "issuer": "https://id.example", "audiences": ["api"], "jwks": jwks});
    let config = json!({ "providers": [provider] });
    let checked = match serde_json::from_value(config.clone()) {
        Ok(config) => check(&config).map_err(|invalid| invalid.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let configured = Auth::configure(&MockHost::default(), config.to_string().as_bytes()).map(|_| ());
    assert_eq!(checked.is_ok(), configured.is_ok(), "{checked:?} {configured:?}");
    match configured {
        Ok(()) => assert_accepted(&config, jwks["keys"].as_array().unwrap()),
        Err(refusal) => assert_not_shown(&refusal, &jwks),
    }
}

fn assert_accepted(config: &Value, keys: &[Value]) {
    // None at all is a set too: that of an issuer whose keys are yet to come.
    assert!(keys.len() <= 32);
    keys.iter().for_each(assert_strong);
    let gateway = Gateway::with_config(config);
    gateway.host.set_unix_time(NOW);
    gateway.set_policy(r#"{"jwt":{}}"#);
    for (algorithm, length) in ALGORITHMS.into_iter().flat_map(|a| [0, 32, 48, 64, 96, 256].map(|l| (a, l))) {
        // CVE-2022-21449 and its like: zeros as a signature.
        let input = signing_input(&json!({"alg": algorithm}), &claims(json!({})));
        let zeros = "A".repeat((length * 8_usize).div_ceil(6));
        let reason = match gateway.request_with_token(&format!("{input}.{zeros}")) {
            ferrox_host::Flow::Pause => gateway.host.logged().pop().unwrap(),
            ferrox_host::Flow::Continue => panic!("{algorithm} takes zeros"),
        };
        let reasons: &[_] = match keys {
            [] => &["denied: keys_unavailable"],
            _ => &["denied: bad_signature", "denied: unknown_key"],
        };
        assert!(reasons.contains(&reason.as_str()), "{reason}");
    }
}

fn assert_strong(key: &Value) {
    let bytes = |name: &str| decode(key[name].as_str().unwrap().as_bytes());
    match key["kty"].as_str().unwrap() {
        "oct" => assert!(bytes("k").len() >= 32),
        "RSA" => {
            let modulus = bytes("n");
            let modulus = &modulus[modulus.iter().position(|byte| *byte != 0).unwrap()..];
            assert!(modulus.len() > 256 || modulus.len() == 256 && modulus[0] >= 0x80, "below 2048 bits");
        }
        "EC" => assert!([32, 48].contains(&bytes("x").len()) && bytes("x").len() == bytes("y").len()),
        "OKP" => assert!(key["crv"] == "Ed25519" && bytes("x").len() == 32),
        other => panic!("{other}"),
    }
    assert!(
        key["kty"] == "oct"
            || ["d", "p", "q", "dp", "dq", "qi", "oth"].iter().all(|name| key.get(name).is_none())
    );
    assert!(key.get("use").is_none_or(|usage| usage == "sig"));
    assert!(key.get("key_ops").is_none_or(|ops| ops.as_array().unwrap().contains(&json!("verify"))));
}

/// No value long enough to be a key, and not to be a word of ours.
fn assert_not_shown(refusal: &str, value: &Value) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| assert_not_shown(refusal, value)),
        Value::Object(object) => object.values().for_each(|value| assert_not_shown(refusal, value)),
        Value::String(text) => {
            let could_be_a_key = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
            assert!(text.len() < 20 || !text.bytes().all(could_be_a_key) || !refusal.contains(text.as_str()));
        }
        _ => {}
    }
}
