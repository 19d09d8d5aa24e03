//! What wrong tokens may cost.

use std::time::Duration;

use ferrox_host::Flow;
use serde_json::json;

use crate::{
    gateway::{ACME_KEY, Gateway},
    issuer::{claims, token},
};

/// A token whose signature is that of other claims.
fn wrong(algorithm: &str, subject: &str) -> String {
    let (claims, others) = (claims(json!({"sub": subject})), claims(json!({"sub": "mallory"})));
    let (token, other) = (token(algorithm, &claims), token(algorithm, &others));
    let ((signed, _), (_, signature)) = (token.rsplit_once('.').unwrap(), other.rsplit_once('.').unwrap());
    format!("{signed}.{signature}")
}

fn good(algorithm: &str, subject: &str) -> String {
    token(algorithm, &claims(json!({"sub": subject})))
}

/// A gateway on which wrong tokens took 50 ms each, and whose budget wrong tokens have used up.
fn flooded() -> Gateway {
    let gateway = Gateway::with_policy(json!({"jwt": {}, "api_key": {}}));
    gateway.passed(gateway.request_with_token(&good("ES256", "known")));
    gateway.host.set_clock_step(Duration::from_millis(50));
    for index in 0..3 {
        let token = wrong("EdDSA", &index.to_string());
        gateway.denied(gateway.request_with_token(&token), "bad_signature");
    }
    gateway.host.set_clock_step(Duration::ZERO);
    gateway
}

#[test]
fn when_wrong_tokens_took_their_time_no_signature_is_verified() {
    let gateway = flooded();
    for token in
        [wrong("EdDSA", "one more"), good("EdDSA", "new"), good("PS256", "new"), good("ES384", "new")]
    {
        let reply = gateway.denied(gateway.request_with_token(&token), "too_many_invalid");
        assert_eq!(reply.status, 503);
        assert!(reply.headers.contains(&("retry-after".to_owned(), "1".to_owned())));
    }
    assert_eq!(gateway.host.counted("ferrox.auth.signatures.in_wasm"), 4);
    assert_eq!(gateway.host.counted("ferrox.auth.denied.too_many_invalid"), 4);
}

#[test]
fn what_needs_no_such_work_passes_meanwhile() {
    let gateway = flooded();
    gateway.passed(gateway.request_with_token(&good("ES256", "known")));
    gateway.passed(gateway.request_with_token(&good("HS256", "new")));
    gateway.passed(gateway.request(&[("x-api-key", ACME_KEY)]));
    // What was found wrong is known to be.
    gateway.denied(gateway.request_with_token(&wrong("EdDSA", "2")), "bad_signature");
}

#[test]
fn a_token_that_was_not_verified_is_when_there_is_time_again() {
    let gateway = flooded();
    let token = good("PS256", "new");
    gateway.denied(gateway.request_with_token(&token), "too_many_invalid");
    gateway.host.advance(Duration::from_secs(1));
    gateway.passed(gateway.request_with_token(&token));
}

#[test]
fn good_tokens_use_nothing_up() {
    let gateway = Gateway::with_policy(json!({"jwt": {}}));
    gateway.host.set_clock_step(Duration::from_millis(10));
    for index in 0..20 {
        let flow = gateway.request_with_token(&good("EdDSA", &index.to_string()));
        assert_eq!(flow, Flow::Continue);
    }
}
