//! The keys of an issuer.

use ferrox_host::Host;
use ferrox_policy::{
    Invalid,
    auth::{Algorithm, JwkSet, MOST_KEYS},
};
use serde_json::Value;

use crate::{
    denial::Denial,
    jws::Jws,
    keys::Key,
    verifier::{Exhausted, Verifier},
};

/// Most keys that are tried for a token that does not say which one it means: each try may cost a millisecond.
const MOST_TRIES: usize = 4;

/// The keys that verify an issuer's tokens; none while nobody knows them.
#[derive(Debug, Default)]
pub(crate) struct KeySet(Vec<Key>);

/// Why what was fetched is no set of keys to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// It is something else.
    #[error("the answer is no JWK Set (RFC 7517 section 5)")]
    NoSet,
    /// It has no key for any algorithm of the issuer.
    #[error("the JWK Set has no key that can be used")]
    NoKey,
    /// It has too many.
    #[error("the JWK Set has more than {MOST_KEYS} keys that can be used")]
    TooManyKeys,
}

impl KeySet {
    /// Reads keys that somebody configured: each of them must be in order.
    ///
    /// # Errors
    /// The field, as `keys[j].n`, and the reason, without key material.
    pub(crate) fn configured(jwks: &JwkSet, algorithms: &[Algorithm]) -> Result<Self, Invalid> {
        let keys = jwks.keys.iter().enumerate().map(|(index, jwk)| {
            Key::from_jwk(jwk, algorithms).map_err(|invalid| invalid.within(&format!("keys[{index}]")))
        });
        Ok(Self(keys.collect::<Result<_, _>>()?))
    }

    /// Reads keys that were fetched. A key that cannot be used is left out: RFC 7517 section 5 says so of what is not
    /// understood, and one bad key must not take the good ones away. So is a symmetric key: what a URL tells everybody is
    /// no secret.
    pub(crate) fn fetched(json: &[u8], algorithms: &[Algorithm]) -> Result<Self, Unusable> {
        let jwks: JwkSet = serde_json::from_slice(json).map_err(|_| Unusable::NoSet)?;
        let public = jwks.keys.iter().filter(|jwk| jwk.get("kty").and_then(Value::as_str) != Some("oct"));
        let usable = public.filter_map(|jwk| Key::from_jwk(jwk, algorithms).ok());
        let keys: Vec<_> = usable.take(MOST_KEYS + 1).collect();
        match keys.len() {
            0 => Err(Unusable::NoKey),
            1..=MOST_KEYS => Ok(Self(keys)),
            _ => Err(Unusable::TooManyKeys),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Tries the key that a token names, or every key of its algorithm when it names none.
    pub(crate) fn verify(&self, host: &dyn Host, verifier: &Verifier, jws: &Jws<'_>) -> Result<(), Denial> {
        if self.0.is_empty() {
            return Err(Denial::KeysUnavailable);
        }
        let fits = |key: &&Key| key.is_for(jws.algorithm) && (jws.key_id.is_none() || jws.key_id == key.id);
        let mut candidates = self.0.iter().filter(fits).peekable();
        if candidates.peek().is_none() {
            return Err(Denial::UnknownKey);
        }
        match verifier.verify(host, jws, candidates.take(MOST_TRIES)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Denial::BadSignature),
            Err(Exhausted) => Err(Denial::TooManyInvalid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// RFC 8037 appendix A.2.
    fn ed25519() -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    }

    fn fetched(jwks: &Value) -> Result<usize, Unusable> {
        KeySet::fetched(jwks.to_string().as_bytes(), &[]).map(|keys| keys.len())
    }

    #[test]
    fn of_fetched_keys_those_that_cannot_be_used_are_left_out() {
        let secret = json!({"kty": "oct", "k": "A".repeat(43)});
        assert!(KeySet::configured(&JwkSet { keys: vec![secret.clone()] }, &[]).is_ok());
        let keys = json!([{"kty": "AKP"}, 1, {}, {"kty": "EC", "crv": "P-521"}, secret, ed25519()]);
        assert_eq!(fetched(&json!({"keys": keys, "more": 1})), Ok(1));
        let mut private = ed25519();
        private["d"] = json!("x");
        assert_eq!(fetched(&json!({"keys": [private, secret]})), Err(Unusable::NoKey));
        let json = json!({"keys": [ed25519()]}).to_string();
        assert_eq!(KeySet::fetched(json.as_bytes(), &[Algorithm::Rs256]).err(), Some(Unusable::NoKey));
    }

    #[test]
    fn what_is_no_set_of_one_to_thirty_two_keys_is_refused() {
        for other in [json!([]), json!({}), json!({"keys": {}}), json!("<html>")] {
            assert_eq!(fetched(&other), Err(Unusable::NoSet), "{other}");
        }
        assert_eq!(fetched(&json!({"keys": []})), Err(Unusable::NoKey));
        assert_eq!(fetched(&json!({"keys": vec![ed25519(); MOST_KEYS]})), Ok(MOST_KEYS));
        assert_eq!(fetched(&json!({"keys": vec![ed25519(); MOST_KEYS + 1]})), Err(Unusable::TooManyKeys));
    }
}
