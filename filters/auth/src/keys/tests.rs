use super::*;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

const JOE: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const RSA_MODULUS: &str = concat!(
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJ",
    "PMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0",
    "LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD",
    "Zlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2",
    "PAcDTW9gb54h4FRWyuXpoQ"
);
const RSA_SIGNATURE: &str = concat!(
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF",
    "5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK",
    "5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqt",
    "FZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB",
    "p0igcN_IoypGlUPQGe77Rw"
);

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
    [
        Vector {
            algorithm: Algorithm::Hs256,
            jwk: json!({"kty": "oct", "k": concat!(
                "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T",
                "-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
            )}),
            message: format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE}"),
            signature: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(),
        },
        Vector {
            algorithm: Algorithm::Rs256,
            jwk: json!({"kty": "RSA", "n": RSA_MODULUS, "e": "AQAB"}),
            message: format!("eyJhbGciOiJSUzI1NiJ9.{JOE}"),
            signature: RSA_SIGNATURE.to_owned(),
        },
        Vector {
            algorithm: Algorithm::Es256,
            jwk: json!({
                "kty": "EC",
                "crv": "P-256",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            }),
            message: format!("eyJhbGciOiJFUzI1NiJ9.{JOE}"),
            signature: String::from(concat!(
                "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmX",
                "FCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
            )),
        },
        Vector {
            algorithm: Algorithm::EdDsa,
            jwk: json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
            message: "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            signature: String::from(concat!(
                "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6",
                "dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
            )),
        },
    ]
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
