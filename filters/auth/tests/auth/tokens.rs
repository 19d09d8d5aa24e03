//! Which tokens are accepted.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    gateway::Gateway,
    issuer::{
        ALGORITHMS, NOW, claims, private_jwk, public_rsa_key, sign, sign_hmac, sign_text, signing_input,
        token,
    },
};

fn gateway() -> Gateway {
    Gateway::with_policy(json!({"jwt": {}}))
}

#[track_caller]
fn assert_denied(token: &str, reason: &str) {
    let gateway = gateway();
    let reply = gateway.denied(gateway.request_with_token(token), reason);
    assert_eq!(reply.status, 401);
    let challenge = &reply.headers[0];
    assert_eq!(challenge.0, "www-authenticate");
    assert!(challenge.1.starts_with(r#"Bearer realm="ferrox", error="invalid_token", "#), "{challenge:?}");
}

#[test]
fn a_token_of_each_algorithm_passes_with_and_without_its_kid() {
    let gateway = gateway();
    for algorithm in ALGORITHMS {
        for header in
            [json!({"alg": algorithm}), json!({"alg": algorithm, "kid": algorithm, "typ": "at+jwt"})]
        {
            let token = sign(algorithm, &header, &claims(json!({})));
            let identity = gateway.passed(gateway.request_with_token(&token));
            assert_eq!(identity.issuer.as_deref(), Some("https://id.example"), "{algorithm}");
            assert_eq!((identity.subject.as_deref(), identity.consumer), (Some("alice"), None));
        }
    }
}

#[test]
fn a_changed_signature_is_refused() {
    for algorithm in ALGORITHMS {
        let token = token(algorithm, &claims(json!({})));
        let (input, signature) = token.rsplit_once('.').unwrap();
        let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        signature[5] ^= 4;
        assert_denied(&format!("{input}.{}", URL_SAFE_NO_PAD.encode(&signature)), "bad_signature");
        assert_denied(&format!("{input}."), "bad_signature");
    }
}

#[test]
fn changed_claims_are_refused() {
    for algorithm in ALGORITHMS {
        let header = json!({"alg": algorithm, "kid": algorithm});
        let token = sign(algorithm, &header, &claims(json!({})));
        let (_, signature) = token.rsplit_once('.').unwrap();
        let forged = signing_input(&header, &claims(json!({"sub": "root"})));
        assert_denied(&format!("{forged}.{signature}"), "bad_signature");
    }
}

#[test]
fn an_unsigned_token_is_refused() {
    for alg in ["none", "None", "NONE", "nOnE"] {
        let input = signing_input(&json!({"alg": alg}), &claims(json!({})));
        assert_denied(&format!("{input}."), "unsupported_algorithm");
    }
}

/// The classic attack: what everybody knows of an RSA key, used as the secret of an HMAC.
#[test]
fn a_public_key_is_no_hmac_secret() {
    for secret in public_rsa_key() {
        for (header, issuer, reason) in [
            (json!({"alg": "HS256"}), "https://id.example", "bad_signature"),
            (json!({"alg": "HS256", "kid": "RS256"}), "https://id.example", "unknown_key"),
            (json!({"alg": "HS256", "kid": "RS256"}), "https://rsa.example", "unknown_key"),
            (json!({"alg": "HS256"}), "https://rsa.example", "unknown_key"),
        ] {
            assert_denied(&sign_hmac(&secret, &header, &claims(json!({"iss": issuer}))), reason);
        }
    }
}

#[test]
fn a_token_that_names_another_algorithm_than_it_is_signed_with_is_refused() {
    for algorithm in ALGORITHMS {
        for named in ALGORITHMS.into_iter().filter(|named| *named != algorithm) {
            let token = sign(algorithm, &json!({"alg": named}), &claims(json!({})));
            assert_denied(&token, "bad_signature");
        }
    }
}

#[test]
fn a_kid_that_the_issuer_does_not_have_is_refused() {
    let header = json!({"alg": "EdDSA", "kid": "other"});
    assert_denied(&sign("EdDSA", &header, &claims(json!({}))), "unknown_key");
    // The kid of another algorithm's key.
    let header = json!({"alg": "EdDSA", "kid": "ES256"});
    assert_denied(&sign("EdDSA", &header, &claims(json!({}))), "unknown_key");
}

#[test]
fn a_key_that_the_token_brings_along_is_not_trusted() {
    let attacker = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode([7; 32])});
    let header = json!({
        "alg": "HS256", "kid": "HS256", "jwk": attacker,
        "jku": "https://evil.example/jwks", "x5u": "https://evil.example/x5u", "x5c": ["AAAA"],
    });
    assert_denied(&sign_hmac(&[7; 32], &header, &claims(json!({}))), "bad_signature");
    // Nor do they hurt a token that is in order.
    let gateway = gateway();
    gateway.passed(gateway.request_with_token(&sign("HS256", &header, &claims(json!({})))));
}

#[test]
fn critical_header_parameters_are_refused() {
    let header = json!({"alg": "EdDSA", "crit": ["exp"], "exp": NOW});
    assert_denied(&sign("EdDSA", &header, &claims(json!({}))), "critical_header");
}

/// What a parser that takes the last of two members, or reads on, would take for claims.
#[test]
fn claims_that_are_not_strict_json_are_refused_though_they_are_signed() {
    let whole = claims(json!({})).to_string();
    let with = |more: &str| format!("{},{more}}}", whole.strip_suffix('}').unwrap());
    let header = r#"{"alg":"EdDSA"}"#;
    for text in [
        with(r#""sub":"root""#),
        with(r#""s\u0075b":"root""#),
        with(r#""a":{"b":[{"c":1,"c":2}]}"#),
        format!("{whole}{{}}"),
        format!("{whole}x"),
        with(r#""a":NaN"#),
        with(r#""a":1e400"#),
        with(r#""a":Infinity"#),
        with(r#""a":01"#),
        format!("\u{feff}{whole}"),
        whole.replace('"', "'"),
    ] {
        assert_denied(&sign_text("EdDSA", header, &text), "malformed");
    }
    for (member, text) in
        [("exp", "1e300"), ("exp", "99999999999999999999"), ("exp", "-1"), ("nbf", r#""1""#)]
    {
        let others = claims(json!({ member: null })).to_string();
        let text = others.replace('}', &format!(r#","{member}":{text}}}"#));
        assert_denied(&sign_text("EdDSA", header, &text), "malformed");
    }
    assert_denied(&sign_text("EdDSA", r#"{"alg":"EdDSA","alg":"EdDSA"}"#, &whole), "malformed");
    assert_denied(&sign_text("EdDSA", r#"{"alg":"EdDSA","x":{"y":1,"y":1}}"#, &whole), "malformed");
    let gateway = gateway();
    gateway.passed(gateway.request_with_token(&sign_text("EdDSA", header, &whole)));
}

#[test]
fn a_token_over_8_kib_is_refused_before_it_is_verified() {
    let gateway = gateway();
    let long = |length: usize| token("EdDSA", &claims(json!({"x": "x".repeat(length)})));
    gateway.passed(gateway.request_with_token(&long(5_000)));
    gateway.denied(gateway.request_with_token(&long(8_000)), "malformed");
    assert_eq!(gateway.host.counted("ferrox.auth.signatures.in_wasm"), 1);
}

#[test]
fn scopes_are_a_text_or_a_list_under_both_names() {
    for replaced in [
        json!({"scope": "a b"}),
        json!({"scp": ["a", "b"]}),
        json!({"scp": "b a"}),
        json!({"scope": "a", "scp": ["b"]}),
    ] {
        let gateway = Gateway::with_policy(json!({"jwt": {}, "scopes": ["a", "b"]}));
        gateway.passed(gateway.request_with_token(&token("EdDSA", &claims(replaced))));
    }
}

#[test]
fn the_time_of_a_token_is_kept() {
    for (replaced, reason) in [
        (json!({"exp": NOW - 60}), "expired"),
        (json!({"exp": null}), "no_expiry"),
        (json!({"nbf": NOW + 61}), "not_yet_valid"),
        (json!({"iat": NOW + 61}), "not_yet_valid"),
    ] {
        assert_denied(&token("EdDSA", &claims(replaced)), reason);
    }
    let gateway = gateway();
    for replaced in [json!({"exp": NOW - 59}), json!({"nbf": NOW + 60}), json!({"iat": NOW + 60})] {
        gateway.passed(gateway.request_with_token(&token("EdDSA", &claims(replaced))));
    }
}

#[test]
fn a_token_that_is_known_is_verified_once_and_judged_each_time() {
    let gateway = gateway();
    let known = token("EdDSA", &claims(json!({"exp": NOW + 100})));
    for _ in 0..3 {
        gateway.passed(gateway.request_with_token(&known));
    }
    assert_eq!(gateway.host.counted("ferrox.auth.signatures.in_wasm"), 1);
    gateway.set_policy(r#"{"jwt":{"providers":["partner"]}}"#);
    gateway.denied(gateway.request_with_token(&known), "unknown_issuer");
    gateway.set_policy(r#"{"jwt":{},"scopes":["admin"]}"#);
    gateway.denied(gateway.request_with_token(&known), "missing_scope");
    gateway.set_policy(r#"{"jwt":{}}"#);
    gateway.host.advance(std::time::Duration::from_secs(160));
    gateway.denied(gateway.request_with_token(&known), "expired");
    assert_eq!(gateway.host.counted("ferrox.auth.signatures.in_wasm"), 1);

    let (signed, _) = known.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode([7; 64]));
    for _ in 0..3 {
        gateway.denied(gateway.request_with_token(&forged), "bad_signature");
    }
    assert_eq!(gateway.host.counted("ferrox.auth.signatures.in_wasm"), 2);
}

#[test]
fn the_leeway_is_the_providers() {
    let mut config = crate::gateway::config();
    config["providers"][0]["leeway_seconds"] = json!(0);
    let gateway = Gateway::with_config(&config);
    gateway.set_policy(r#"{"jwt":{}}"#);
    let token = token("EdDSA", &claims(json!({"exp": NOW + 1})));
    gateway.passed(gateway.request_with_token(&token));
    gateway.host.advance(std::time::Duration::from_secs(1));
    gateway.denied(gateway.request_with_token(&token), "expired");
}

#[test]
fn with_a_broken_clock_no_token_is_valid() {
    let gateway = gateway();
    gateway.host.set_unix_time(0);
    let token = token("EdDSA", &claims(json!({"iat": null})));
    gateway.denied(gateway.request_with_token(&token), "expired");
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    for audience in [json!("other"), json!(["x", "y"]), json!(null), json!([])] {
        assert_denied(&token("EdDSA", &claims(json!({"aud": audience}))), "wrong_audience");
    }
    let gateway = gateway();
    gateway.passed(gateway.request_with_token(&token("EdDSA", &claims(json!({"aud": ["x", "api2"]})))));
}

#[test]
fn a_token_of_an_unknown_issuer_is_refused() {
    for issuer in [json!("https://evil.example"), json!("https://id.example/"), json!(""), json!(null)] {
        assert_denied(&token("EdDSA", &claims(json!({"iss": issuer}))), "unknown_issuer");
    }
}

#[test]
fn only_the_providers_that_the_policy_names_are_accepted() {
    let gateway = Gateway::with_policy(json!({"jwt": {"providers": ["partner"]}}));
    gateway.denied(gateway.request_with_token(&token("EdDSA", &claims(json!({})))), "unknown_issuer");
    let partner = token("EdDSA", &claims(json!({"iss": "https://partner.example"})));
    let identity = gateway.passed(gateway.request_with_token(&partner));
    assert_eq!(identity.issuer.as_deref(), Some("https://partner.example"));
    // A provider that the gateway does not know (yet) lets nobody pass.
    let gateway = Gateway::with_policy(json!({"jwt": {"providers": ["new"]}}));
    gateway.denied(gateway.request_with_token(&partner), "unknown_issuer");
}

#[test]
fn a_key_of_one_issuer_does_not_speak_for_another() {
    // The partner has no HMAC key, only the main issuer has.
    let token = token("HS256", &claims(json!({"iss": "https://partner.example"})));
    assert_denied(&token, "unknown_key");
}

#[test]
fn a_subject_or_scope_that_would_break_a_header_is_refused() {
    for replaced in [json!({"sub": "a\r\nx-admin: 1"}), json!({"sub": ""}), json!({"scp": ["a\nb"]})] {
        assert_denied(&token("EdDSA", &claims(replaced)), "unusable_claim");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let whole = token("EdDSA", &claims(json!({})));
    for malformed in ["", "x", "a.b.c", "..", &format!("{whole}.AAAA"), &format!("{whole} ")] {
        assert_denied(malformed, "malformed");
    }
    let text =
        format!("{}.{}.AAAA", URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA"}"#), URL_SAFE_NO_PAD.encode("hi"));
    assert_denied(&text, "malformed");
    assert_denied(&token("EdDSA", &claims(json!({"sub": 1}))), "malformed");
}

#[test]
fn neither_log_nor_answer_shows_the_token_or_a_key() {
    let gateway = gateway();
    let token = token("HS256", &claims(json!({"exp": 1})));
    let reply = gateway.denied(gateway.request_with_token(&token), "expired");
    let shown =
        format!("{:?}{:?}{}", gateway.host.logged(), reply.headers, String::from_utf8(reply.body).unwrap());
    let secret: Value = private_jwk("HS256")["k"].clone();
    for part in token.split('.').chain(secret.as_str()) {
        assert!(!shown.contains(part), "{shown}");
    }
}
