//! The examples of the RFCs, as they stand there.

use ferrox_auth::{Auth, check};
use ferrox_host::{Plugin, mock::MockHost};
use serde_json::{Value, json};

use crate::gateway::Gateway;

/// When the examples' tokens expire, which have no leeway to be over here.
const EXPIRY: u64 = 1_300_819_380;

fn example(pointer: &str) -> Value {
    let examples: Value = serde_json::from_str(include_str!("../data/rfc-examples.json")).unwrap();
    examples.pointer(pointer).unwrap_or_else(|| panic!("{pointer}")).clone()
}

fn token(pointer: &str) -> String {
    example(pointer).as_str().unwrap().to_owned()
}

/// A key as its issuer publishes it.
fn public(mut jwk: Value) -> Value {
    jwk.as_object_mut()
        .unwrap()
        .retain(|name, _| !["d", "p", "q", "dp", "dq", "qi"].contains(&name.as_str()));
    jwk
}

fn config(keys: &Value) -> Value {
    let provider = json!({"name": "joe", "issuer": "joe", "audiences": ["api"], "jwks": {"keys": keys}});
    json!({ "providers": [provider] })
}

/// A gateway that knows Joe by these keys, in the second before his tokens expire.
fn joes_gateway(keys: &[Value]) -> Gateway {
    let mut config = config(&json!(keys));
    config["providers"][0]["leeway_seconds"] = json!(0);
    let gateway = Gateway::with_config(&config);
    gateway.host.set_unix_time(EXPIRY - 1);
    gateway.set_policy(r#"{"jwt":{}}"#);
    gateway
}

fn refusal(keys: &Value) -> String {
    let refusal = Auth::configure(&MockHost::default(), config(keys).to_string().as_bytes()).unwrap_err();
    let checked = check(&serde_json::from_value(config(keys)).unwrap()).unwrap_err();
    assert_eq!(refusal, checked.to_string());
    refusal
}

fn of_rfc_7515() -> [(Value, String); 3] {
    ["a1", "a2", "a3"].map(|name| {
        let pointer = |part: &str| format!("/rfc7515/{name}/{part}");
        (public(example(&pointer("jwk"))), token(&pointer("token")))
    })
}

/// Signature and time are in order, which `src/token/tests.rs` proves by itself; then it shows that they are meant for nobody.
#[test]
fn rfc_7515_a1_to_a3_are_signed_by_joe_and_meant_for_nobody() {
    for (key, token) in of_rfc_7515() {
        let gateway = joes_gateway(&[key]);
        gateway.denied(gateway.request_with_token(&token), "wrong_audience");
        assert_eq!(gateway.host.counted("ferrox.auth.signatures.in_wasm"), 1);
        gateway.host.set_unix_time(EXPIRY);
        gateway.denied(gateway.request_with_token(&token), "expired");
    }
}

#[test]
fn rfc_7515_a1_to_a3_are_not_signed_by_another_key() {
    let all = of_rfc_7515();
    let keys: Vec<_> = all.iter().map(|(key, _)| key.clone()).collect();
    let gateway = joes_gateway(&keys);
    for (_, token) in &all {
        gateway.denied(gateway.request_with_token(token), "wrong_audience");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let last = signature.chars().next_back().unwrap();
        // The last letter but one has no bits left over.
        let at = signature.len() - 2;
        let other = if &signature[at..=at] == "A" { "B" } else { "A" };
        let forged = format!("{signed}.{}{other}{last}", &signature[..at]);
        gateway.denied(gateway.request_with_token(&forged), "bad_signature");
    }
    // RFC 7517 appendix A.1 has another RSA key.
    let gateway = joes_gateway(&[example("/rfc7517/a1/keys/1")]);
    gateway.denied(gateway.request_with_token(&all[1].1), "bad_signature");
}

#[test]
fn rfc_7515_a4_is_by_no_algorithm_of_ours() {
    let gateway = joes_gateway(&of_rfc_7515().map(|(key, _)| key));
    gateway.denied(gateway.request_with_token(&token("/rfc7515/a4/token")), "unsupported_algorithm");
    let key = public(example("/rfc7515/a4/jwk"));
    assert_eq!(refusal(&json!([key])), "providers[0].jwks.keys[0].crv: must be P-256 or P-384");
}

/// RFC 7519 section 6.1 has the same token.
#[test]
fn rfc_7515_a5_is_unsigned() {
    let gateway = joes_gateway(&of_rfc_7515().map(|(key, _)| key));
    gateway.denied(gateway.request_with_token(&token("/rfc7515/a5/token")), "unsupported_algorithm");
}

#[test]
fn rfc_7515_a6_and_a7_are_no_compact_form() {
    let gateway = joes_gateway(&of_rfc_7515().map(|(key, _)| key));
    for pointer in ["/rfc7515/a6/json", "/rfc7515/a7/json"] {
        let json = example(pointer).to_string();
        // JSON has commas, which a list of tokens has too.
        gateway.denied(gateway.request_with_token(&json), "several_tokens");
        let from_cookie = r#"{"jwt":{"from":[{"header":"x-token"}]}}"#;
        gateway.set_policy(from_cookie);
        gateway.denied(gateway.request(&[("x-token", &json)]), "malformed");
        gateway.set_policy(r#"{"jwt":{}}"#);
    }
}

#[test]
fn rfc_7517_a1_one_key_is_for_encryption() {
    let set = example("/rfc7517/a1/keys");
    assert!(refusal(&set).starts_with("providers[0].jwks.keys[0].use: must be sig"));
    joes_gateway(&[set[1].clone()]);
}

#[test]
fn rfc_7517_a2_no_private_key_is_taken() {
    for (index, key) in example("/rfc7517/a2/keys").as_array().unwrap().iter().enumerate() {
        let refusal = refusal(&json!([key]));
        assert!(refusal.starts_with("providers[0].jwks.keys[0].d: belongs to the private key"), "{index}");
        assert!(!refusal.contains(key["d"].as_str().unwrap()));
    }
}

#[test]
fn rfc_7517_a3_one_key_wraps_keys_and_one_signs() {
    let set = example("/rfc7517/a3/keys");
    let refusal = refusal(&json!([set[0]]));
    assert!(
        refusal.starts_with("providers[0].jwks.keys[0].alg: this key can be used for HS256"),
        "{refusal}"
    );
    let gateway = joes_gateway(&[set[1].clone()]);
    // The token names no key, and the key's id is a sentence.
    gateway.denied(gateway.request_with_token(&token("/rfc7515/a1/token")), "wrong_audience");
}

#[test]
fn rfc_7517_b_the_certificate_beside_a_key_is_not_read() {
    let mut key = example("/rfc7517/b");
    joes_gateway(&[key.clone()]);
    key["x5c"] = json!(["no certificate"]);
    joes_gateway(&[key]);
}

/// An encrypted token, by an algorithm that signs nothing.
#[test]
fn rfc_7519_a1_is_encrypted() {
    let gateway = joes_gateway(&of_rfc_7515().map(|(key, _)| key));
    gateway.denied(gateway.request_with_token(&token("/rfc7519/a1/token")), "malformed");
}

/// RFC 7519 section 3.1: signed by the key of RFC 7515 appendix A.1.
#[test]
fn rfc_7519_section_3_1_is_the_token_of_rfc_7515_a1() {
    let (_, token) = &of_rfc_7515()[0];
    let header = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9";
    assert!(token.starts_with(&format!("{header}.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog")));
    assert!(token.ends_with(".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
}

/// The signature of the example is verified in `keys/tests.rs`: its payload is a sentence and no claims.
#[test]
fn rfc_8037_a1_to_a5_the_key_signs_and_its_private_part_is_not_taken() {
    assert!(refusal(&json!([example("/rfc8037/a1")])).starts_with("providers[0].jwks.keys[0].d: belongs"));
    assert_eq!(public(example("/rfc8037/a1")), example("/rfc8037/a2"));
    let gateway = joes_gateway(&[example("/rfc8037/a2")]);
    gateway.denied(gateway.request_with_token(&token("/rfc8037/a4")), "malformed");
}

#[test]
fn rfc_8037_a6_a_key_that_agrees_on_keys_signs_nothing() {
    assert_eq!(refusal(&json!([example("/rfc8037/a6")])), "providers[0].jwks.keys[0].crv: must be Ed25519");
}
