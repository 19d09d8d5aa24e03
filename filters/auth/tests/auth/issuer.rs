//! Issuers of tokens for tests.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jwt_compact::{
    Algorithm, AlgorithmSignature,
    alg::{Ed25519, Es256, Hs256, Hs256Key, Hs384, Hs512, Rsa},
    jwk::JsonWebKey,
};
use p384::ecdsa::signature::Signer;
use serde_json::{Value, json};

/// The time of the tests, in seconds since 1970.
pub(crate) const NOW: u64 = 1_735_689_600;

/// Every algorithm.
pub(crate) const ALGORITHMS: [&str; 12] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
    "EdDSA",
];

/// The private key of an algorithm.
pub(crate) fn private_jwk(algorithm: &str) -> Value {
    let keys: Value = serde_json::from_str(include_str!("../data/test-only-keys.json")).unwrap();
    let name = match algorithm {
        "HS384" => "hs512".to_owned(),
        rsa if rsa.starts_with("RS") || rsa.starts_with("PS") => "rs256".to_owned(),
        other => other.to_lowercase(),
    };
    keys[name].clone()
}

/// The key that a provider publishes for an algorithm; its `kid` is the algorithm's name.
pub(crate) fn public_jwk(algorithm: &str) -> Value {
    let mut jwk = private_jwk(algorithm);
    for private in ["d", "p", "q"] {
        jwk.as_object_mut().unwrap().remove(private);
    }
    jwk["kid"] = json!(algorithm);
    jwk["alg"] = json!(algorithm);
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
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

/// A token of an algorithm that names its key.
pub(crate) fn token(algorithm: &str, claims: &Value) -> String {
    sign(algorithm, &json!({"alg": algorithm, "kid": algorithm}), claims)
}

/// A token with any header, signed by an algorithm's key.
pub(crate) fn sign(algorithm: &str, header: &Value, claims: &Value) -> String {
    sign_text(algorithm, &header.to_string(), &claims.to_string())
}

/// A token whose header and claims are any text.
pub(crate) fn sign_text(algorithm: &str, header: &str, claims: &str) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = signature(algorithm, &input);
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What everybody knows of the RSA key, in the forms in which it is published: JWK, modulus, DER and PEM of the
/// SubjectPublicKeyInfo (RFC 5280 section 4.1).
pub(crate) fn public_rsa_key() -> [Vec<u8>; 5] {
    let jwk = public_jwk("RS256");
    assert_eq!(jwk["e"], "AQAB");
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    assert_eq!(modulus.len(), 256);
    let before = b"\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82\x01\x0f\x00\x30\x82\x01\x0a\x02\x82\x01\x01\x00";
    let der = [&before[..], &modulus, b"\x02\x03\x01\x00\x01"].concat();
    let text = STANDARD.encode(&der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"));
    [jwk.to_string().into_bytes(), modulus, der, pem.clone().into_bytes(), format!("{pem}\n").into_bytes()]
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
    match algorithm {
        "HS256" => by(&Hs256, algorithm, input),
        "HS384" => by(&Hs384, algorithm, input),
        "HS512" => by(&Hs512, algorithm, input),
        "ES256" => by(&Es256, algorithm, input),
        "ES384" => es384(input),
        "EdDSA" => by(&Ed25519, algorithm, input),
        rsa => by(&Rsa::with_name(rsa), rsa, input),
    }
}

fn by<A: Algorithm>(signer: &A, algorithm: &str, input: &str) -> Vec<u8>
where
    A::SigningKey: for<'k> TryFrom<&'k JsonWebKey<'static>, Error: std::fmt::Debug>,
{
    let jwk: JsonWebKey<'static> = serde_json::from_value(private_jwk(algorithm)).unwrap();
    signer.sign(&(&jwk).try_into().unwrap(), input.as_bytes()).as_bytes().into_owned()
}

fn es384(input: &str) -> Vec<u8> {
    let secret = URL_SAFE_NO_PAD.decode(private_jwk("ES384")["d"].as_str().unwrap()).unwrap();
    let key = p384::ecdsa::SigningKey::from_slice(&secret).unwrap();
    let signature: p384::ecdsa::Signature = key.sign(input.as_bytes());
    signature.to_bytes().to_vec()
}
