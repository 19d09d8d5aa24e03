//! Keys that were fetched: which of them can be used, and what of them is kept.

use ferrox_policy::auth::{Algorithm, AuthConfig, JwkSet, JwtProvider, MOST_KEYS};
use serde_json::{Map, Value, json};

/// The members of public keys that verify (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2). Others, such as
/// certificates, are not kept: they would only weigh.
const MEMBERS: [&str; 10] = ["kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y"];

/// The keys of a fetched JWK Set that can be used, sorted, so that a set is the same in whatever order it comes.
#[derive(Clone, PartialEq, Eq)]
pub struct FetchedKeys(Vec<Value>);

impl FetchedKeys {
    /// Reads a JWK Set. Keys that cannot be used are skipped (RFC 7517 section 5), and so are symmetric and private ones:
    /// what anybody can fetch is no secret.
    ///
    /// # Errors
    /// Why it is no set with a usable key. Quotes nothing of it.
    pub fn parse(set: &Value) -> Result<Self, String> {
        let keys = set.get("keys").and_then(Value::as_array).ok_or("is no JWK Set (RFC 7517 section 5)")?;
        let mut usable: Vec<_> = keys.iter().filter(|key| is_usable(key, &[])).filter_map(kept).collect();
        usable.sort_by_cached_key(Value::to_string);
        usable.dedup();
        match usable.len() {
            0 => Err(format!("none of its {} keys can be used", keys.len())),
            1..=MOST_KEYS => Ok(Self(usable)),
            many => Err(format!("has {many} keys that can be used, and at most {MOST_KEYS} may be")),
        }
    }

    /// Those of them that an issuer may use which may use these algorithms; none: any.
    #[must_use]
    pub fn for_algorithms(&self, algorithms: &[Algorithm]) -> JwkSet {
        JwkSet { keys: self.0.iter().filter(|key| is_usable(key, algorithms)).cloned().collect() }
    }

    /// As a JWK Set.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "keys": self.0 })
    }
}

/// By the filter's own code, so that what is shipped is what the filter takes.
fn is_usable(key: &Value, algorithms: &[Algorithm]) -> bool {
    if key.get("kty").is_some_and(|kty| kty == "oct") {
        return false;
    }
    let provider = JwtProvider {
        name: "fetched".to_owned(),
        issuer: "fetched".to_owned(),
        audiences: vec!["fetched".to_owned()],
        jwks: Some(JwkSet { keys: vec![key.clone()] }),
        remote_jwks: None,
        leeway_seconds: 0,
        algorithms: algorithms.to_vec(),
        allow_missing_exp: false,
        max_lifetime_seconds: None,
        claims: Vec::new(),
    };
    ferrox_auth::check(&AuthConfig { providers: vec![provider], ..AuthConfig::default() }).is_ok()
}

fn kept(key: &Value) -> Option<Value> {
    let key = key.as_object()?;
    let members = MEMBERS.iter().filter_map(|name| Some(((*name).to_owned(), key.get(*name)?.clone())));
    Some(Value::Object(members.collect::<Map<_, _>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kid: &str) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    }

    #[test]
    fn keys_that_cannot_be_used_are_skipped() {
        let mut private = key("private");
        private["d"] = json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
        let mut encrypts = key("encrypts");
        encrypts["use"] = json!("enc");
        let secret = json!({"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I"});
        let of_tomorrow = json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"});
        let set = json!({"keys": [private, encrypts, secret, of_tomorrow, 7, key("good")]});
        assert_eq!(FetchedKeys::parse(&set).unwrap().to_json(), json!({"keys": [key("good")]}));
    }

    #[test]
    fn the_same_keys_in_another_order_or_with_other_trimmings_are_the_same() {
        let mut trimmed = key("a");
        trimmed["x5c"] = json!(["MIIB"]);
        let one = FetchedKeys::parse(&json!({"keys": [key("b"), key("a")]})).unwrap();
        let other = FetchedKeys::parse(&json!({"keys": [trimmed, key("b"), key("b")], "more": 1})).unwrap();
        assert!(one == other);
    }

    #[test]
    fn what_has_no_key_to_use_is_refused_and_not_quoted() {
        for set in [
            json!("secret"),
            json!({}),
            json!({"keys": "secret"}),
            json!({"keys": []}),
            json!({"keys": [{"kty": "secret"}]}),
        ] {
            let reason = FetchedKeys::parse(&set).err().unwrap();
            assert!(!reason.contains("secret"), "{reason}");
        }
        let many: Vec<_> = (0..33).map(|index| key(&index.to_string())).collect();
        assert!(FetchedKeys::parse(&json!({ "keys": many })).err().unwrap().starts_with("has 33 keys"));
    }

    #[test]
    fn an_issuer_uses_the_keys_that_its_algorithms_fit() {
        let keys = FetchedKeys::parse(&json!({"keys": [key("a")]})).unwrap();
        assert_eq!(keys.for_algorithms(&[]).keys.len(), 1);
        assert_eq!(keys.for_algorithms(&[Algorithm::EdDsa]).keys.len(), 1);
        assert_eq!(keys.for_algorithms(&[Algorithm::Rs256]).keys.len(), 0);
    }
}
