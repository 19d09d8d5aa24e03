//! Which configurations are accepted.

use ferrox_auth::{Auth, check};
use ferrox_host::{Plugin, mock::MockHost};
use serde_json::{Value, json};

use crate::{
    gateway::config,
    issuer::{private_jwk, public_jwk},
};

/// The refusal, which is the same for the filter and for whoever checks beforehand.
#[track_caller]
fn refusal(config: &Value) -> String {
    let refusal = Auth::configure(&MockHost::default(), config.to_string().as_bytes()).expect_err("refused");
    let checked = check(&serde_json::from_value(config.clone()).unwrap()).expect_err("refused");
    assert_eq!(refusal, checked.to_string());
    refusal
}

#[test]
fn a_configuration_that_is_right_is_accepted_by_both() {
    check(&serde_json::from_value(config()).unwrap()).unwrap();
    Auth::configure(&MockHost::default(), config().to_string().as_bytes()).unwrap();
    Auth::configure(&MockHost::default(), &b"{}"[..]).unwrap();
}

#[test]
fn a_wrong_key_is_named_by_its_place() {
    let with_key = |key: Value| {
        let mut config = config();
        config["providers"][1]["jwks"]["keys"] = json!([public_jwk("EdDSA"), key]);
        config
    };
    for (key, expected) in [
        (json!(1), "providers[1].jwks.keys[1]: must be an object (RFC 7517)"),
        (json!({"kty": "oct", "k": "AAAA"}), "providers[1].jwks.keys[1].k: must be at least 32 bytes"),
        (private_jwk("ES256"), "providers[1].jwks.keys[1].d: belongs to the private key"),
        (private_jwk("RS256"), "providers[1].jwks.keys[1].d: belongs to the private key"),
    ] {
        let refusal = refusal(&with_key(key));
        assert!(refusal.starts_with(expected), "{refusal}");
    }
}

#[test]
fn what_the_contract_refuses_is_refused() {
    let mut no_audience = config();
    no_audience["providers"][0]["audiences"] = json!([]);
    assert!(refusal(&no_audience).starts_with("providers[0].audiences: "));

    let mut twice = config();
    twice["consumers"][0]["keys"] = json!([{"sha256": config()["consumers"][0]["key_sha256"][0]}]);
    assert!(refusal(&twice).starts_with("consumers[0]: the key "));
}

#[test]
fn an_issuer_that_no_header_can_carry_is_refused() {
    let mut config = config();
    config["providers"][2]["issuer"] = json!("https://id.example\r\nx: y");
    assert!(refusal(&config).starts_with("providers[2].issuer: must be fit for a header value"));
}

#[test]
fn what_is_no_configuration_is_refused() {
    for text in ["", "{", r#"{"provider":[]}"#] {
        assert!(Auth::configure(&MockHost::default(), text.as_bytes()).is_err(), "{text}");
    }
}
