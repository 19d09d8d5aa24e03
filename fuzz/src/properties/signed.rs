//! What a token must be, told a second time: by other code and other cryptography (ring) than the filter's.

use ring::{hmac, signature as by};
use serde_json::Value;

use crate::issuer::{NOW, private_jwk, public_jwk};

/// The claims of a token, of which it asserts that an issuer signed it, that it is in order now, and written in the one way
/// in which it can be.
pub(super) fn in_order(token: &[u8]) -> Value {
    let parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let [header, payload, signature] = parts[..] else { panic!("{} parts", parts.len()) };
    let signed = &token[..header.len() + 1 + payload.len()];
    let signature = decode(signature);
    let (header, claims) = (object(&decode(header)), object(&decode(payload)));
    assert!(header.get("crit").is_none() && *header.get("b64").unwrap_or(&Value::Bool(true)) == true);
    let algorithm = header["alg"].as_str().unwrap();
    assert!(header.get("kid").is_none_or(|kid| kid == algorithm), "a key of another algorithm");
    let algorithms: &[&str] = match claims["iss"].as_str().unwrap() {
        "https://id.example" => &crate::issuer::ALGORITHMS,
        "https://partner.example" => &["EdDSA"],
        "https://rsa.example" => &["RS256"],
        other => panic!("{other} is no issuer"),
    };
    assert!(algorithms.contains(&algorithm));
    assert!(verifies(algorithm, signed, &signature), "nobody signed it by {algorithm}");
    assert_now(&claims);
    claims
}

fn assert_now(claims: &Value) {
    let now = NOW as f64;
    assert!(claims["exp"].as_f64().unwrap() + 60.0 > now);
    for begin in ["nbf", "iat"] {
        assert!(claims.get(begin).is_none_or(|begin| begin.as_f64().unwrap() - 60.0 <= now), "{begin}");
    }
    let audiences = match &claims["aud"] {
        Value::Array(audiences) => audiences.clone(),
        one => vec![one.clone()],
    };
    assert!(audiences.iter().any(|audience| audience == "api" || audience == "api2"));
}

fn verifies(algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
    let member = |jwk: Value, name: &str| decode(jwk[name].as_str().unwrap().as_bytes());
    let public = |name: &str| member(public_jwk(algorithm), name);
    let point = || [&[4][..], &public("x"), &public("y")].concat();
    let is_by = |by: &'static dyn by::VerificationAlgorithm, key: Vec<u8>| {
        by::UnparsedPublicKey::new(by, key).verify(message, signature).is_ok()
    };
    let is_rsa = |by: &by::RsaParameters| {
        by::RsaPublicKeyComponents { n: public("n"), e: public("e") }.verify(by, message, signature).is_ok()
    };
    let is_hmac = |by| {
        let key = hmac::Key::new(by, &member(private_jwk(algorithm), "k"));
        hmac::verify(&key, message, signature).is_ok()
    };
    match algorithm {
        "HS256" => is_hmac(hmac::HMAC_SHA256),
        "HS384" => is_hmac(hmac::HMAC_SHA384),
        "HS512" => is_hmac(hmac::HMAC_SHA512),
        "RS256" => is_rsa(&by::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => is_rsa(&by::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => is_rsa(&by::RSA_PKCS1_2048_8192_SHA512),
        "PS256" => is_rsa(&by::RSA_PSS_2048_8192_SHA256),
        "PS384" => is_rsa(&by::RSA_PSS_2048_8192_SHA384),
        "PS512" => is_rsa(&by::RSA_PSS_2048_8192_SHA512),
        "ES256" => is_by(&by::ECDSA_P256_SHA256_FIXED, point()),
        "ES384" => is_by(&by::ECDSA_P384_SHA384_FIXED, point()),
        "EdDSA" => is_by(&by::ED25519, public("x")),
        other => panic!("{other}"),
    }
}

/// An object in which no name stands twice: it has as many members as its text has colons outside of strings.
fn object(json: &[u8]) -> Value {
    let value: Value = serde_json::from_slice(json).unwrap();
    assert!(value.is_object());
    assert_eq!(members(&value), colons(json), "a name stands twice");
    value
}

fn members(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.values().map(|value| 1 + members(value)).sum(),
        Value::Array(list) => list.iter().map(members).sum(),
        _ => 0,
    }
}

fn colons(json: &[u8]) -> usize {
    let (mut count, mut in_text, mut escaped) = (0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b':' if !in_text => count += 1,
            _ => {}
        }
    }
    count
}

/// Base64url without padding, and without bits left over (RFC 4648 section 3.5).
pub(super) fn decode(text: &[u8]) -> Vec<u8> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            other => panic!("{other} is no letter of base64url"),
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    assert!(count < 6 && bits == 0, "not the one way to write it");
    bytes
}
