//! Issuers of tokens for tests.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_compact::{
    Algorithm, AlgorithmSignature,
    alg::{Ed25519, Es256, Hs256, Hs256Key, Rsa},
    jwk::JsonWebKey,
};
use serde_json::{Value, json};

/// The time of the tests, in seconds since 1970.
pub(crate) const NOW: u64 = 1_735_689_600;

/// The algorithms and their keys' names in the file.
pub(crate) const ALGORITHMS: [&str; 4] = ["HS256", "RS256", "ES256", "EdDSA"];

/// The private key of an algorithm.
pub(crate) fn private_jwk(algorithm: &str) -> Value {
    let keys: Value = serde_json::from_str(include_str!("../data/test-only-keys.json")).unwrap();
    keys[algorithm.to_lowercase()].clone()
}

/// The key that a provider publishes for an algorithm; its `kid` is the algorithm's name.
pub(crate) fn public_jwk(algorithm: &str) -> Value {
    let mut jwk = private_jwk(algorithm);
    for private in ["d", "p", "q"] {
        jwk.as_object_mut().unwrap().remove(private);
    }
    jwk["kid"] = json!(algorithm);
    jwk["use"] = json!("sig");
    jwk
}

/// Claims that are in order, but for some that are replaced; `null` removes one.
pub(crate) fn claims(replaced: Value) -> Value {
    let mut claims = json!({
        "iss": "https://id.example", "sub": "alice", "aud": "api", "iat": NOW, "exp": NOW + 300,
    });
    for (name, value) in replaced.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

/// A token of an algorithm that names its key.
pub(crate) fn token(algorithm: &str, claims: &Value) -> String {
    sign(algorithm, &json!({"alg": algorithm, "kid": algorithm}), claims)
}

/// A token with any header, signed by an algorithm's key.
pub(crate) fn sign(algorithm: &str, header: &Value, claims: &Value) -> String {
    let input = signing_input(header, claims);
    let signature = signature(algorithm, &input);
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A token whose HMAC has any secret.
pub(crate) fn sign_hmac(secret: &[u8], header: &Value, claims: &Value) -> String {
    let input = signing_input(header, claims);
    let signature = Hs256.sign(&Hs256Key::new(secret), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_bytes()))
}

/// Header and claims in compact form, not yet signed.
pub(crate) fn signing_input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn signature(algorithm: &str, input: &str) -> Vec<u8> {
    let jwk: JsonWebKey<'static> = serde_json::from_value(private_jwk(algorithm)).unwrap();
    let input = input.as_bytes();
    match algorithm {
        "HS256" => Hs256.sign(&(&jwk).try_into().unwrap(), input).as_bytes().into_owned(),
        "RS256" => Rsa::rs256().sign(&(&jwk).try_into().unwrap(), input).as_bytes().into_owned(),
        "ES256" => Es256.sign(&(&jwk).try_into().unwrap(), input).as_bytes().into_owned(),
        "EdDSA" => Ed25519.sign(&(&jwk).try_into().unwrap(), input).as_bytes().into_owned(),
        other => panic!("no key for {other}"),
    }
}
