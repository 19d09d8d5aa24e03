//! Tokens: only what an issuer signed passes, and only in the spelling in which it was signed.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ferrox_host::Flow;
use ring::hmac;
use serde_json::json;

use super::{identity_headers, signed, with_gateway};
use crate::{
    gateway::Gateway,
    issuer::{ALGORITHMS, claims, private_jwk, token},
};

const POLICY: &str = r#"{"jwt":{}}"#;

/// A token of each algorithm.
static TOKENS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let claims = claims(json!({"scope": "read write"}));
    ALGORITHMS.iter().map(|algorithm| token(algorithm, &claims)).collect()
});

/// The first byte says what the others are: an `Authorization`, changes of a good token, or header and claims of a token
/// that is signed.
pub fn hold(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind % 3 {
        0 => any_authorization(rest),
        1 => changed(rest),
        _ => signed_as_it_is(rest),
    }
}

fn passes(gateway: &Gateway, authorization: &[u8]) -> bool {
    let spoofs = [("x-ferrox-subject", "root"), ("x-ferrox_scopes", "admin"), ("x_ferrox_consumer", "root")];
    gateway.host.next_stream(&[&[(":authority", "api.example"), (":path", "/")], &spoofs[..]].concat());
    gateway.host.add_raw_request_header("authorization", authorization);
    gateway.go() == Flow::Continue
}

fn any_authorization(value: &[u8]) {
    with_gateway(POLICY, |gateway| {
        if passes(gateway, value) {
            let (scheme, token) = value.split_at(6);
            assert!(scheme.eq_ignore_ascii_case(b"bearer") && token.starts_with(b" "));
            assert_identity(gateway, &token[token.iter().take_while(|byte| **byte == b' ').count()..]);
        }
    });
}

fn assert_identity(gateway: &Gateway, token: &[u8]) {
    let claims = signed::in_order(token);
    let headers = identity_headers(gateway);
    let header = |name: &str| {
        let mut named = headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        (named.next(), named.next())
    };
    assert_eq!(header("x-ferrox-subject"), (claims["sub"].as_str(), None));
    assert_eq!(header("x-ferrox-issuer"), (claims["iss"].as_str(), None));
    assert!(headers.iter().all(|(name, value)| !name.contains('_') && !value.contains(char::is_control)));
    assert_eq!(header("x-ferrox-consumer"), (None, None));
}

/// One byte chooses a token, then each four change it.
fn changed(data: &[u8]) {
    let Some((chosen, changes)) = data.split_first() else { return };
    let mut token = TOKENS[usize::from(*chosen) % TOKENS.len()].clone().into_bytes();
    for change in changes.chunks_exact(4).take(8) {
        apply(&mut token, change);
    }
    with_gateway(POLICY, |gateway| {
        // Spaces after the scheme are none of the token (RFC 9110 section 11.4).
        let spaces = token.iter().take_while(|byte| **byte == b' ').count();
        let is_as_signed = TOKENS.iter().any(|good| *good.as_bytes() == token[spaces..]);
        let passes = passes(gateway, &[b"Bearer ", &token[..]].concat());
        assert_eq!(passes, is_as_signed, "{}", String::from_utf8_lossy(&token));
    });
}

fn apply(token: &mut Vec<u8>, change: &[u8]) {
    let [operation, high, low, value] = *change else { return };
    let at = usize::from(u16::from_be_bytes([high, low])) % (token.len() + 1);
    match operation % 5 {
        0 if at < token.len() => token[at] = value,
        1 => token.insert(at, value),
        2 if at < token.len() => drop(token.remove(at)),
        3 if at < token.len() => token[at] ^= 1 << (value % 8),
        // A part of another token takes the place of this one's.
        4 => {
            let other = TOKENS[usize::from(value) % TOKENS.len()].as_bytes();
            let mut parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
            let at = at % parts.len();
            parts[at] = other.split(|byte| *byte == b'.').nth(at).unwrap_or_default();
            *token = parts.join(&b'.');
        }
        _ => {}
    }
}

/// The first byte is the length of the header, the rest are the claims; an issuer signs both, whatever they are.
fn signed_as_it_is(data: &[u8]) {
    let Some((length, rest)) = data.split_first() else { return };
    let (header, claims) = rest.split_at(usize::from(*length).min(rest.len()));
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let secret = signed::decode(private_jwk("HS256")["k"].as_str().unwrap().as_bytes());
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), input.as_bytes());
    let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
    with_gateway(POLICY, |gateway| {
        if passes(gateway, format!("Bearer {token}").as_bytes()) {
            assert_identity(gateway, token.as_bytes());
        }
    });
}
