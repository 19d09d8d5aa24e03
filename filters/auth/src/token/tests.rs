//! The tokens of RFC 7515 appendices A.1 to A.3, as they stand there. They are meant for nobody, so no policy lets them pass:
//! here it shows that their signatures are right.

use ferrox_host::mock::MockHost;
use serde_json::{Value, json};

use super::*;

const TOKENS: [&str; 3] = ["a1", "a2", "a3"];

fn example(name: &str, part: &str) -> Value {
    let examples: Value = serde_json::from_str(include_str!("../../tests/data/rfc-examples.json")).unwrap();
    examples["rfc7515"][name][part].clone()
}

fn token(name: &str) -> String {
    example(name, "token").as_str().unwrap().to_owned()
}

/// Joe with the public keys of these examples.
fn joe(names: &[&str]) -> Providers {
    let keys = names.iter().map(|name| {
        let mut key = example(name, "jwk");
        key.as_object_mut()
            .unwrap()
            .retain(|member, _| ["kty", "k", "n", "e", "crv", "x", "y"].contains(&&**member));
        key
    });
    let joe = json!({
        "name": "joe", "issuer": "joe", "audiences": ["api"], "jwks": {"keys": keys.collect::<Vec<_>>()},
    });
    let joe = serde_json::from_value(joe).unwrap();
    Providers::compile(&[joe], &Revocations::default(), Verifier::default()).unwrap()
}

fn verified(by: &Providers, token: &str) -> Said {
    by.verify_signature(&MockHost::default(), token.as_bytes())
}

#[test]
fn the_tokens_of_rfc_7515_verify_by_their_keys_and_say_what_they_say_there() {
    let said = json!({"iss": "joe", "exp": 1_300_819_380, "http://example.com/is_root": true});
    for keys in [&TOKENS[..1], &TOKENS[1..2], &TOKENS[2..], &TOKENS] {
        let joe = joe(keys);
        for name in TOKENS {
            let verified = verified(&joe, &token(name));
            if !keys.contains(&name) {
                assert_eq!(verified.unwrap_err(), Denial::UnknownKey, "{name}");
                continue;
            }
            let verified = verified.unwrap_or_else(|denial| panic!("{name}: {denial:?}"));
            assert_eq!(verified.issuer, "joe");
            assert_eq!(Value::Object(verified.claims.all().clone()), said);
        }
    }
}

#[test]
fn the_tokens_of_rfc_7515_verify_with_no_bit_of_them_changed() {
    let joe = joe(&TOKENS);
    for name in TOKENS {
        let whole = token(name);
        let (input, signature) = whole.rsplit_once('.').unwrap();
        let (header, payload) = input.split_once('.').unwrap();
        // Claims that say the same, and those that say more.
        for other in [
            "eyJpc3MiOiJqb2UiLCJleHAiOjEzMDA4MTkzODAsImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
            "eyJpc3MiOiJqb2UifQ",
        ] {
            assert_ne!(payload, other);
            let forged = format!("{header}.{other}.{signature}");
            assert_eq!(verified(&joe, &forged).unwrap_err(), Denial::BadSignature, "{name}");
        }
        let at_each = (0..signature.len() - 1).step_by(7).chain([signature.len() - 2]);
        for at in at_each {
            let other = if &signature[at..=at] == "A" { "B" } else { "A" };
            let forged = format!("{input}.{}{other}{}", &signature[..at], &signature[at + 1..]);
            assert_eq!(verified(&joe, &forged).unwrap_err(), Denial::BadSignature, "{name} {at}");
        }
    }
}
