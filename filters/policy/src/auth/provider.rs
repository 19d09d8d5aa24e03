//! Issuers of tokens and their keys.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use super::{Algorithm, ClaimRule, RemoteJwks};
use crate::{Check, Invalid, invalid::check_each};

/// Most keys of an issuer.
pub const MOST_KEYS: usize = 32;

/// An issuer of tokens and the keys that it signs with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JwtProvider {
    /// The name that policies use.
    pub name: String,
    /// The `iss` claim, compared byte for byte.
    pub issuer: String,
    /// Accepted `aud` values, one is enough. Never empty: a token for somebody else is not for us.
    pub audiences: Vec<String>,
    /// The keys, as a JWK Set (RFC 7517 section 5). Exactly one of this and `remote_jwks` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<JwkSet>,
    /// Where the filter fetches the keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_jwks: Option<RemoteJwks>,
    /// The algorithms that the issuer may use. Empty: for each key its `alg`, or, where it has none, the usual one of its
    /// type: HS256, RS256, ES256, ES384 or EdDSA.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<Algorithm>,
    /// How far the clocks may differ, in seconds, 0 to 300. Default: 60.
    #[serde(default = "default_leeway")]
    pub leeway_seconds: u32,
    /// Accept a token that has no `exp`, which can be taken back only by revoking it. Default: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_missing_exp: bool,
    /// Longest time from `iat` to `exp`, in seconds, at least 1; both are needed then. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_lifetime_seconds: Option<u32>,
    /// What must hold for the claims of every token, besides what the registered claims mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimRule>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn default_leeway() -> u32 {
    60
}

/// A JWK Set (RFC 7517 section 5). The keys are parsed by the filter's own code (`ferrox-auth`). A symmetric key is a
/// secret, so the set does not print.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JwkSet {
    /// JSON Web Keys; at most 32. While there is none, no token of the issuer can be verified.
    pub keys: Vec<serde_json::Value>,
}

/// By hand, since serde's own errors quote what they do not expect: here, a set that was given as a string.
impl<'de> Deserialize<'de> for JwkSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut set = serde_json::Value::deserialize(deserializer)?;
        match set.get_mut("keys").map(serde_json::Value::take) {
            Some(serde_json::Value::Array(keys)) => Ok(Self { keys }),
            _ => Err(de::Error::custom("must be an object with a list of keys (RFC 7517 section 5)")),
        }
    }
}

impl fmt::Debug for JwkSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "JwkSet({} keys)", self.keys.len())
    }
}

impl Check for JwtProvider {
    fn check(&self) -> Result<(), Invalid> {
        if self.name.is_empty() {
            return Err(Invalid::new("name", "must not be empty"));
        }
        if self.issuer.is_empty() {
            return Err(Invalid::new("issuer", "must not be empty"));
        }
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return Err(Invalid::new("audiences", "needs at least one audience, none of them empty"));
        }
        if self.leeway_seconds > 300 {
            return Err(Invalid::new("leeway_seconds", "must be at most 300"));
        }
        self.check_keys()?;
        if self.max_lifetime_seconds == Some(0) {
            return Err(Invalid::new("max_lifetime_seconds", "must be at least 1"));
        }
        check_each("claims", &self.claims)
    }
}

impl JwtProvider {
    fn check_keys(&self) -> Result<(), Invalid> {
        match (&self.jwks, &self.remote_jwks) {
            (Some(jwks), None) if jwks.keys.len() > MOST_KEYS => {
                Err(Invalid::new("jwks.keys", format!("must be at most {MOST_KEYS} keys")))
            }
            (Some(_), None) => Ok(()),
            (None, Some(remote)) => remote.check().map_err(|invalid| invalid.within("remote_jwks")),
            _ => Err(Invalid::new("jwks", "exactly one of jwks and remote_jwks must be set")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{AuthConfig, refusal};

    #[test]
    fn a_provider_names_its_wrong_field() {
        let with = |field: &str, value: serde_json::Value| {
            let mut provider = serde_json::json!({"name": "a", "issuer": "https://id", "audiences": ["api"], "jwks": {"keys": [{}]}});
            provider[field] = value;
            refusal::<AuthConfig>(serde_json::json!({"providers": [provider]}))
        };
        assert_eq!(
            with("max_lifetime_seconds", 0.into()),
            "providers[0].max_lifetime_seconds: must be at least 1"
        );
        let keys = serde_json::json!({"keys": vec![serde_json::json!({}); MOST_KEYS + 1]});
        assert_eq!(with("jwks", keys), "providers[0].jwks.keys: must be at most 32 keys");
        let neither = "providers[0].jwks: exactly one of jwks and remote_jwks must be set";
        assert_eq!(with("jwks", serde_json::Value::Null), neither);
        let remote = serde_json::json!({"cluster": "idp", "uri": "https://id/keys"});
        assert_eq!(with("remote_jwks", remote), neither);
        let rule = serde_json::json!([{"claim": "a..b", "is": "present"}]);
        assert!(with("claims", rule).starts_with("providers[0].claims[0].claim: must be"));
        assert!(
            with("algorithms", serde_json::json!(["none"]))
                .starts_with("providers[0].algorithms[0]: unknown variant")
        );
    }

    #[test]
    fn a_key_set_that_is_none_is_not_shown() {
        for jwks in [
            serde_json::json!("secret"),
            serde_json::json!({"keys": "secret"}),
            serde_json::json!(["secret"]),
        ] {
            let provider =
                serde_json::json!({"name": "a", "issuer": "https://id", "audiences": ["api"], "jwks": jwks});
            let refusal = refusal::<AuthConfig>(serde_json::json!({"providers": [provider]}));
            assert!(
                refusal.starts_with("providers[0].jwks: must be an object with a list of keys"),
                "{refusal}"
            );
            assert!(!refusal.contains("secret"), "{refusal}");
        }
    }
}
