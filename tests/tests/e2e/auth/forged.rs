//! Tokens that nobody issued, or that are written in a way in which nobody should.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use serde_json::{Value, json};

use super::{
    Case, assert_judged,
    issuer::{self, ALGORITHMS, public_jwk, public_rsa_key, sign, sign_hmac, sign_text, signing_input},
    now,
};
use crate::rows;

/// Claims that are in order.
fn claims(provider: &str) -> Value {
    issuer::claims(json!({"iss": rows::issuer(provider), "aud": "ferrox", "iat": now(), "exp": now() + 600}))
}

/// A gateway with a provider that has a key of every algorithm, and one that has an RSA key only.
async fn gateway(upstream: &Upstream) -> Gateway {
    let keys: Vec<_> = ALGORITHMS.iter().map(|algorithm| public_jwk(algorithm)).collect();
    let rows = [
        rows::upstream(upstream),
        rows::route("in", upstream.name()),
        rows::provider("all", &json!({ "keys": keys })),
        rows::provider("rsa", &json!({"keys": [public_jwk("RS256")]})),
        rows::policy("in", "auth", &json!({"jwt": {}})),
    ];
    Gateway::start(&rows.concat()).await.unwrap()
}

fn case(name: &str, token: &str, reason: &'static str) -> Case {
    Case::new(name, "/in", Some(reason)).bearer(token)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_algorithm_is_taken_for_another() {
    let upstream = Upstream::start_new("u").unwrap();
    let mut gateway = gateway(&upstream).await;
    let mut cases = Vec::new();
    for (index, secret) in public_rsa_key().iter().enumerate() {
        let forge = |header: Value, provider: &str| sign_hmac(secret, &header, &claims(provider));
        let named = json!({"alg": "HS256", "kid": "RS256"});
        cases.push(case(
            &format!("confused {index}"),
            &forge(json!({"alg": "HS256"}), "all"),
            "bad_signature",
        ));
        cases.push(case(&format!("confused and named {index}"), &forge(named.clone(), "all"), "unknown_key"));
        cases.push(case(&format!("no HMAC key {index}"), &forge(named, "rsa"), "unknown_key"));
    }
    for alg in ["none", "None", "NONE", "nOnE", "", "hs256", "ES512", "HS256 "] {
        let input = signing_input(&json!({ "alg": alg }), &claims("all"));
        cases.push(case(&format!("unsigned '{alg}'"), &format!("{input}."), "unsupported_algorithm"));
    }
    for (signed, named) in [("EdDSA", "ES256"), ("HS256", "HS384"), ("RS256", "PS256"), ("ES256", "EdDSA")] {
        let token = sign(signed, &json!({ "alg": named }), &claims("all"));
        cases.push(case(&format!("{signed} as {named}"), &token, "bad_signature"));
    }
    for algorithm in ["HS256", "RS256", "PS256", "ES256", "ES384", "EdDSA"] {
        let token = issuer::token(algorithm, &claims("all"));
        let (input, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let with = |signature: &[u8]| format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
        let (shorter, longer) = (&signature[1..], [&[0], &signature[..]].concat());
        let zeros = vec![0; signature.len()];
        for (how, forged) in [("short", shorter), ("long", &longer), ("zero", &zeros), ("no", &[])] {
            cases.push(case(&format!("{algorithm} {how} signature"), &with(forged), "bad_signature"));
        }
    }
    assert_judged(&mut gateway, &cases).await;
    assert_eq!(upstream.control().all_requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_token_brings_along_is_neither_trusted_nor_fetched() {
    let upstream = Upstream::start_new("u").unwrap();
    let evil = Upstream::start_new("evil").unwrap();
    let mut gateway = gateway(&upstream).await;
    let url = format!("http://127.0.0.1:{}/keys", evil.port());
    let key = json!({"kty": "oct", "kid": "evil", "k": URL_SAFE_NO_PAD.encode([7; 32])});
    let mut cases = Vec::new();
    for (member, value) in [
        ("jwk", key.clone()),
        ("jku", json!(url)),
        ("x5u", json!(url)),
        ("x5c", json!([URL_SAFE_NO_PAD.encode([7; 300])])),
        ("x5t", json!("AAAA")),
    ] {
        for (kid, reason) in [("HS256", "bad_signature"), ("evil", "unknown_key")] {
            let header = json!({"alg": "HS256", "kid": kid, member: value});
            let token = sign_hmac(&[7; 32], &header, &claims("all"));
            cases.push(case(&format!("{member} {kid}"), &token, reason));
        }
        // Nor does it hurt a token that is in order.
        let header = json!({"alg": "HS256", "kid": "HS256", member: value});
        let good = Case::new(&format!("{member} of no use"), "/in", None);
        cases.push(good.bearer(sign("HS256", &header, &claims("all"))));
    }
    assert_judged(&mut gateway, &cases).await;
    assert_eq!(evil.control().all_requests(), 0, "nobody asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_one_way_in_which_it_is_written() {
    let upstream = Upstream::start_new("u").unwrap();
    let mut gateway = gateway(&upstream).await;
    let whole = claims("all").to_string();
    let header = r#"{"alg":"EdDSA"}"#;
    let good = sign_text("EdDSA", header, &whole);
    let (input, signature) = good.rsplit_once('.').unwrap();
    let (_, payload) = input.split_once('.').unwrap();
    let with =
        |more: &str| sign_text("EdDSA", header, &format!("{},{more}}}", whole.strip_suffix('}').unwrap()));
    // 64 bytes leave four bits in the last letter, which are zero.
    let last = if signature.ends_with('A') { 'B' } else { 'R' };
    let mut cases = vec![Case::new("good", "/in", None).bearer(&good)];
    for (scheme, reason) in
        [("bEARER", None), ("Bearer  ", None), ("Basic", Some("missing")), ("Bearerx", Some("missing"))]
    {
        cases.push(
            Case::new(&format!("scheme '{scheme}'"), "/in", reason)
                .header("authorization", format!("{scheme} {good}")),
        );
    }
    for (name, token) in [
        ("two parts", input.to_owned()),
        ("four parts", format!("{good}.AAAA")),
        ("padding", format!("{good}==")),
        ("padding inside", format!("{}=.{payload}.{signature}", URL_SAFE_NO_PAD.encode(header))),
        ("a space inside", format!("{input}. {signature}")),
        ("a tab inside", format!("{input}\t.{signature}")),
        ("bits left over", format!("{input}.{}{last}", &signature[..signature.len() - 1])),
        ("a name twice", with(r#""sub":"root""#)),
        ("a name twice, escaped", with(r#""s\u0075b":"root""#)),
        ("a name twice, deep", with(r#""a":{"b":[{"c":1,"c":1}]}"#)),
        ("something behind", sign_text("EdDSA", header, &format!("{whole}{{}}"))),
        ("no number", with(r#""a":NaN"#)),
        ("no finite number", with(r#""a":1e400"#)),
        ("alg twice", sign_text("EdDSA", r#"{"alg":"EdDSA","alg":"EdDSA"}"#, &whole)),
        ("too large a date", sign("EdDSA", &json!({"alg": "EdDSA"}), &json!({"exp": 1e30}))),
        ("no JSON", sign_text("EdDSA", header, "hi")),
        ("over 8 KiB", with(&format!(r#""x":"{}""#, "x".repeat(8_000)))),
        ("JSON form", r#"{"payload":"e30"}"#.to_owned()),
    ] {
        cases.push(case(name, &token, "malformed"));
    }
    for header in [
        json!({"alg": "EdDSA", "crit": ["exp"], "exp": 1}),
        json!({"alg": "EdDSA", "crit": ["b64"], "b64": false}),
        json!({"alg": "EdDSA", "b64": false}),
        json!({"alg": "EdDSA", "crit": []}),
    ] {
        cases.push(case(&header.to_string(), &sign("EdDSA", &header, &claims("all")), "critical_header"));
    }
    cases.push(case("a list", &format!("{good},{good}"), "several_tokens"));
    cases.push(case("two headers", &good, "several_tokens").header("authorization", "Basic YTpi"));
    assert_judged(&mut gateway, &cases).await;
}
