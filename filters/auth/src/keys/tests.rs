use super::*;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

#[derive(serde::Deserialize)]
struct Vector {
    #[serde(rename = "alg")]
    algorithm: Algorithm,
    jwk: Value,
    message: String,
    signature: String,
}

/// The examples of the RFCs, and for the other algorithms what OpenSSL signed.
fn vectors() -> Vec<Vector> {
    let mut vectors = Vec::from(of_the_rfcs());
    vectors.extend(of_openssl());
    assert_eq!(vectors.len(), Algorithm::ALL.len());
    vectors
}

fn of_openssl() -> Vec<Vector> {
    serde_json::from_str(include_str!("../../tests/data/openssl-signatures.json")).unwrap()
}

/// The examples of RFC 7515 appendices A.1 to A.3 and RFC 8037 appendix A.4.
fn of_the_rfcs() -> [Vector; 4] {
    let examples: Value = serde_json::from_str(include_str!("../../tests/data/rfc-examples.json")).unwrap();
    let example = |pointer: &str| examples.pointer(pointer).unwrap();
    [
        (Algorithm::Hs256, "/rfc7515/a1/jwk", "/rfc7515/a1/token"),
        (Algorithm::Rs256, "/rfc7515/a2/jwk", "/rfc7515/a2/token"),
        (Algorithm::Es256, "/rfc7515/a3/jwk", "/rfc7515/a3/token"),
        (Algorithm::EdDsa, "/rfc8037/a2", "/rfc8037/a4"),
    ]
    .map(|(algorithm, jwk, token)| {
        let mut jwk = example(jwk).clone();
        let is_public = |member: &str| ["kty", "k", "n", "e", "crv", "x", "y"].contains(&member);
        jwk.as_object_mut().unwrap().retain(|member, _| is_public(member));
        let (message, signature) = example(token).as_str().unwrap().rsplit_once('.').unwrap();
        Vector { algorithm, jwk, message: message.to_owned(), signature: signature.to_owned() }
    })
}

fn jwk(algorithm: Algorithm) -> Value {
    vectors().into_iter().find(|vector| vector.algorithm == algorithm).unwrap().jwk
}

/// The key for its algorithm.
fn key(vector: &Vector) -> Key {
    Key::from_jwk(&vector.jwk, &[vector.algorithm]).unwrap()
}

/// The refusal of a key with one member replaced.
fn refusal(mut jwk: Value, member: &str, value: Value) -> String {
    jwk[member] = value;
    Key::from_jwk(&jwk, &[]).unwrap_err().to_string()
}

#[test]
fn what_others_signed_verifies() {
    for vector in vectors() {
        let signature = URL_SAFE_NO_PAD.decode(&vector.signature).unwrap();
        assert!(
            key(&vector).verifies(vector.algorithm, vector.message.as_bytes(), &signature),
            "{}",
            vector.algorithm
        );
    }
}

#[test]
fn any_change_of_message_or_signature_is_noticed() {
    for vector in vectors() {
        let (key, algorithm) = (key(&vector), vector.algorithm);
        let signature = URL_SAFE_NO_PAD.decode(&vector.signature).unwrap();
        assert!(!key.verifies(algorithm, format!("{}x", vector.message).as_bytes(), &signature));
        for index in [0, signature.len() / 2, signature.len() - 1] {
            let mut forged = signature.clone();
            forged[index] ^= 1;
            assert!(!key.verifies(algorithm, vector.message.as_bytes(), &forged));
        }
    }
}

#[test]
fn a_signature_of_another_length_is_wrong_and_no_panic() {
    for vector in vectors() {
        let (key, message) = (key(&vector), vector.message.as_bytes());
        let signature = URL_SAFE_NO_PAD.decode(&vector.signature).unwrap();
        for forged in [&[][..], &[0], &signature[1..], &[&signature[..], &[0]].concat(), &[0; 1000]] {
            assert!(!key.verifies(vector.algorithm, message, forged));
        }
        // R = S = 0 fooled others (CVE-2022-21449).
        assert!(!key.verifies(vector.algorithm, message, &vec![0; signature.len()]));
        // As a number the same, in one byte more.
        assert!(!key.verifies(vector.algorithm, message, &[&[0], &signature[..]].concat()));
    }
}

#[test]
fn a_key_is_used_for_no_algorithm_but_its_own() {
    for vector in vectors() {
        let key = key(&vector);
        let signature = URL_SAFE_NO_PAD.decode(&vector.signature).unwrap();
        for other in Algorithm::ALL.into_iter().filter(|other| *other != vector.algorithm) {
            assert!(!key.is_for(other) && !key.verifies(other, vector.message.as_bytes(), &signature));
        }
    }
}

/// The algorithms of a key.
fn used_for(jwk: &Value, allowed: &[Algorithm]) -> Result<Vec<Algorithm>, String> {
    Key::from_jwk(jwk, allowed).map(|key| key.algorithms).map_err(|invalid| invalid.to_string())
}

#[test]
fn a_key_that_names_no_algorithm_has_the_usual_one_or_those_of_its_issuer() {
    use Algorithm::{Es256, Es384, Hs256, Hs512, Ps256, Rs256, Rs512};
    let (rsa, ec) = (jwk(Rs512), jwk(Es384));
    assert_eq!(used_for(&rsa, &[]), Ok(vec![Rs256]));
    assert_eq!(used_for(&ec, &[]), Ok(vec![Es384]));
    assert_eq!(used_for(&jwk(Hs512), &[]), Ok(vec![Hs256]));
    assert_eq!(used_for(&rsa, &[Ps256, Es256, Rs256]), Ok(vec![Rs256, Ps256]));
    assert_eq!(
        used_for(&ec, &[Ps256, Rs256]),
        Err("kty: this key fits none of the issuer's PS256, RS256".to_owned())
    );
}

#[test]
fn a_key_that_names_an_algorithm_has_that_one_if_its_issuer_may_use_it() {
    use Algorithm::{Ps256, Rs256};
    let mut rsa = jwk(Rs256);
    rsa["alg"] = json!("PS256");
    assert_eq!(used_for(&rsa, &[]), Ok(vec![Ps256]));
    assert_eq!(used_for(&rsa, &[Rs256, Ps256]), Ok(vec![Ps256]));
    assert_eq!(used_for(&rsa, &[Rs256]), Err("alg: PS256 is none of the issuer's RS256".to_owned()));
}

#[test]
fn what_is_no_key_is_refused_with_its_member() {
    assert_eq!(Key::from_jwk(&json!("x"), &[]).unwrap_err().to_string(), "must be an object (RFC 7517)");
    assert_eq!(Key::from_jwk(&json!({}), &[]).unwrap_err().to_string(), "kty: is missing");
    for (algorithm, member, value, expected) in [
        (Algorithm::Hs256, "kty", json!("oct2"), "kty: must be oct, RSA, EC or OKP"),
        (Algorithm::Hs256, "k", json!(7), "k: must be a string"),
        (Algorithm::Hs256, "kid", json!(7), "kid: must be a string"),
        (Algorithm::Rs256, "n", json!("a=="), "n: must be base64url without padding"),
        (Algorithm::Rs256, "e", json!("AQAC"), "is no RSA key"),
        (Algorithm::Es256, "crv", json!("P-521"), "crv: must be P-256 or P-384"),
        (Algorithm::Es256, "crv", json!("P-384"), "x and y are no point on P-384"),
        (Algorithm::Es384, "y", jwk(Algorithm::Es384)["x"].clone(), "x and y are no point on P-384"),
        (Algorithm::Es256, "x", jwk(Algorithm::Es256)["y"].clone(), "x and y are no point on P-256"),
        (Algorithm::EdDsa, "crv", json!("Ed448"), "crv: must be Ed25519"),
        (Algorithm::EdDsa, "x", json!("AAAA"), "x: is no public key on Ed25519"),
    ] {
        let refusal = refusal(jwk(algorithm), member, value);
        assert!(refusal.starts_with(expected), "{refusal}");
    }
}

#[test]
fn weak_keys_are_refused() {
    let bytes = |byte: u8, length: usize| json!(URL_SAFE_NO_PAD.encode(vec![byte; length]));
    assert!(refusal(jwk(Algorithm::Hs256), "k", bytes(7, 31)).starts_with("k: must be at least 32 bytes"));
    for (algorithm, least) in [(Algorithm::Hs256, 32), (Algorithm::Hs384, 48), (Algorithm::Hs512, 64)] {
        let key = |length| Key::from_jwk(&json!({"kty": "oct", "k": bytes(7, length)}), &[algorithm]);
        assert!(key(least).is_ok());
        let refusal = key(least - 1).unwrap_err().to_string();
        assert!(
            refusal.starts_with(&format!("k: must be at least {least} bytes for {algorithm}")),
            "{refusal}"
        );
    }
    // 2047 bits, and 2047 bits behind a zero that pretends to more.
    let short = [&[0x7f][..], &[0xff; 255]].concat();
    for modulus in [short.clone(), [&[0][..], &short].concat(), vec![0; 256]] {
        let modulus = json!(URL_SAFE_NO_PAD.encode(modulus));
        assert!(refusal(jwk(Algorithm::Rs256), "n", modulus).starts_with("n: must be at least 2048 bits"));
    }
    assert!(refusal(jwk(Algorithm::Rs256), "n", bytes(0xff, 513)).starts_with("is no RSA key"));
    // The neutral element of the curve.
    let neutral = json!(URL_SAFE_NO_PAD.encode([&[1][..], &[0; 31]].concat()));
    assert_eq!(refusal(jwk(Algorithm::EdDsa), "x", neutral), "x: is no public key on Ed25519");
}

#[test]
fn a_private_key_is_refused() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa] {
        assert!(refusal(jwk(algorithm), "d", json!("AAAA")).starts_with("d: belongs to the private key"));
    }
    assert!(refusal(jwk(Algorithm::Rs256), "p", json!("AAAA")).starts_with("p: belongs to the private key"));
}

#[test]
fn a_key_is_bound_to_its_use() {
    for vector in vectors() {
        let jwk = &vector.jwk;
        let named = key(&vector).material.fits();
        let others = Algorithm::ALL.into_iter().filter(|other| !named.contains(other)).map(Algorithm::name);
        for other in ["none", "RSA-OAEP"].into_iter().chain(others) {
            assert!(refusal(jwk.clone(), "alg", json!(other)).starts_with("alg: this key can be used for "));
        }
        assert!(refusal(jwk.clone(), "use", json!("enc")).starts_with("use: must be sig"));
        assert!(refusal(jwk.clone(), "key_ops", json!(["encrypt"])).starts_with("key_ops: must"));
        let mut meant = jwk.clone();
        meant["alg"] = json!(vector.algorithm);
        meant["use"] = json!("sig");
        meant["key_ops"] = json!(["sign", "verify"]);
        assert!(Key::from_jwk(&meant, &[]).is_ok());
    }
}

#[test]
fn no_refusal_shows_the_key() {
    let secret = "c2VjcmV0LXNlY3JldA";
    for (algorithm, members) in [
        (Algorithm::Hs256, &["k"][..]),
        (Algorithm::Rs256, &["n", "e", "d"]),
        (Algorithm::Es256, &["x", "y", "d"]),
        (Algorithm::Es384, &["x", "y", "d"]),
        (Algorithm::EdDsa, &["x", "d"]),
    ] {
        for member in members.iter().copied().chain(["kty", "alg", "use"]) {
            for value in [json!(secret), json!(format!("{secret}==")), json!([secret])] {
                let refusal = refusal(jwk(algorithm), member, value);
                assert!(!refusal.contains("c2Vj") && !refusal.contains("secret"), "{refusal}");
            }
        }
    }
    let debug = format!("{:?}", Key::from_jwk(&jwk(Algorithm::Hs256), &[]).unwrap());
    assert!(debug.contains("Hmac(Secret(_))"), "{debug}");
}
