//! The plugin configuration of the auth filter.

use std::{collections::HashSet, fmt};

use serde::{Deserialize, Deserializer, Serialize, de};

use super::{
    Algorithm, AuthPolicy, ClaimRule, ConsumerKey, KeyDigest, KeyGrant, KeySet, RemoteJwks, UsageReports,
    check_scope,
};
use crate::{Check, Invalid, invalid::check_each, placement::Placement};

/// Plugin configuration of the auth filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// Who may issue tokens. Names and issuers are unique.
    #[serde(default)]
    pub providers: Vec<JwtProvider>,
    /// Who holds API keys. Names are unique, and so is every key.
    #[serde(default)]
    pub consumers: Vec<Consumer>,
    /// More keys, in the compact form in which the control plane ships them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_keys: Option<KeySet>,
    /// To whom the use of keys is reported. Default: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageReports>,
    /// Tokens that were taken back before they expired.
    #[serde(default, skip_serializing_if = "Revocations::is_empty")]
    pub revoked: Revocations,
    /// Policies for requests whose route carries none, where there is no Ferrox control plane.
    #[serde(default)]
    pub policies: Placement<AuthPolicy>,
}

/// Tokens that are refused though they are in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Revocations {
    /// Single tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<RevokedToken>,
    /// All earlier tokens of a subject.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<RevokedSubject>,
}

impl Revocations {
    fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.subjects.is_empty()
    }
}

/// A token that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RevokedToken {
    /// Name of its provider.
    pub provider: String,
    /// Its `jti`.
    pub jti: String,
}

/// A subject whose tokens were taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RevokedSubject {
    /// Name of the provider.
    pub provider: String,
    /// The `sub`.
    pub subject: String,
    /// Tokens whose `iat` is before this are refused, and those without one; seconds since 1970.
    pub before: u64,
}

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

/// Somebody who holds API keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Consumer {
    /// The name, as it is passed on to the upstream and counted by limits.
    pub name: String,
    /// What the consumer may do.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// SHA-256 of each live key, 64 lower-case hex digits. The key itself is never shipped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_sha256: Vec<KeyDigest>,
    /// Keys that are not good for everything at all times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<ConsumerKey>,
}

impl Consumer {
    /// What each of its keys is good for, those of `key_sha256` first.
    pub fn grants(&self) -> impl Iterator<Item = KeyGrant> {
        let plain = self.key_sha256.iter().map(|sha256| KeyGrant::unlimited(*sha256, &self.name));
        plain.chain(self.keys.iter().map(|key| key.to_grant(&self.name)))
    }

    fn digests(&self) -> impl Iterator<Item = &KeyDigest> {
        self.key_sha256.iter().chain(self.keys.iter().map(|key| &key.sha256))
    }
}

impl Check for AuthConfig {
    fn check(&self) -> Result<(), Invalid> {
        check_each("providers", &self.providers)?;
        check_each("consumers", &self.consumers)?;
        check_member("api_keys", self.api_keys.as_ref())?;
        check_member("usage", self.usage.as_ref())?;
        check_unique("providers", "name", self.providers.iter().map(|p| p.name.as_str()))?;
        check_unique("providers", "issuer", self.providers.iter().map(|p| p.issuer.as_str()))?;
        check_unique("consumers", "name", self.consumers.iter().map(|c| c.name.as_str()))?;
        self.check_keys()?;
        self.check_revoked()?;
        self.policies.check().map_err(|invalid| invalid.within("policies"))?;
        for policy in self.policies.iter() {
            for name in policy.jwt.iter().flat_map(|jwt| &jwt.providers) {
                if !self.providers.iter().any(|provider| provider.name == *name) {
                    return Err(Invalid::new("policies", format!("there is no provider '{name}'")));
                }
            }
        }
        Ok(())
    }
}

impl AuthConfig {
    fn check_keys(&self) -> Result<(), Invalid> {
        let mut seen = HashSet::new();
        for (index, consumer) in self.consumers.iter().enumerate() {
            for sha256 in consumer.digests() {
                let shipped = self.api_keys.as_ref().is_some_and(|keys| keys.find(sha256).is_some());
                if shipped || !seen.insert(*sha256) {
                    return Err(Invalid::new(
                        format!("consumers[{index}]"),
                        format!("the key {sha256} stands twice"),
                    ));
                }
            }
        }
        Ok(())
    }

    fn check_revoked(&self) -> Result<(), Invalid> {
        let names: HashSet<_> = self.providers.iter().map(|provider| provider.name.as_str()).collect();
        let tokens = self.revoked.tokens.iter().map(|token| ("revoked.tokens", &token.provider));
        let subjects = self.revoked.subjects.iter().map(|subject| ("revoked.subjects", &subject.provider));
        match tokens.chain(subjects).find(|(_, provider)| !names.contains(provider.as_str())) {
            Some((field, provider)) => Err(Invalid::new(field, format!("there is no provider '{provider}'"))),
            None => Ok(()),
        }
    }
}

fn check_member<T: Check>(field: &str, member: Option<&T>) -> Result<(), Invalid> {
    member.map_or(Ok(()), |member| member.check().map_err(|invalid| invalid.within(field)))
}

fn check_unique<'a>(field: &str, part: &str, values: impl Iterator<Item = &'a str>) -> Result<(), Invalid> {
    let mut seen = HashSet::new();
    for value in values {
        if !seen.insert(value) {
            return Err(Invalid::new(field, format!("{part} '{value}' stands twice")));
        }
    }
    Ok(())
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

impl Check for Consumer {
    fn check(&self) -> Result<(), Invalid> {
        // The name travels as a header value.
        if self.name.is_empty() || !self.name.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Invalid::new("name", "must be printable ASCII without spaces"));
        }
        for (index, scope) in self.scopes.iter().enumerate() {
            check_scope(scope).map_err(|e| Invalid::new(format!("scopes[{index}]"), e))?;
        }
        for (index, key) in self.keys.iter().enumerate() {
            let grant = key.to_grant(&self.name);
            grant.check_for(self).map_err(|invalid| invalid.within(&format!("keys[{index}]")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::refusal;

    #[test]
    fn a_configuration_with_two_providers_of_one_issuer_is_refused() {
        let provider = |name: &str| serde_json::json!({"name": name, "issuer": "https://id", "audiences": ["api"], "jwks": {"keys": [{}]}});
        let json = serde_json::json!({"providers": [provider("a"), provider("b")]});
        assert_eq!(refusal::<AuthConfig>(json), "providers: issuer 'https://id' stands twice");
    }

    #[test]
    fn a_standalone_policy_must_name_known_providers() {
        let json = serde_json::json!({"policies": {"default": {"jwt": {"providers": ["nobody"]}}}});
        assert_eq!(refusal::<AuthConfig>(json), "policies: there is no provider 'nobody'");
    }

    #[test]
    fn a_key_must_be_a_digest() {
        let json = serde_json::json!({"consumers": [{"name": "acme", "key_sha256": ["secret"]}]});
        let refusal = refusal::<AuthConfig>(json);
        assert!(
            refusal.starts_with("consumers[0].key_sha256[0]: must be 64 lower-case hex digits"),
            "{refusal}"
        );
        assert!(!refusal.contains("secret"));
    }

    #[test]
    fn a_key_of_a_consumer_narrows_it() {
        let with = |key: serde_json::Value| {
            let mut key = key;
            key["sha256"] = "ab".repeat(32).into();
            refusal::<AuthConfig>(
                serde_json::json!({"consumers": [{"name": "acme", "scopes": ["a"], "keys": [key]}]}),
            )
        };
        assert_eq!(
            with(serde_json::json!({"scopes": ["a", "b"]})),
            "consumers[0].keys[0].scopes[1]: is none of the consumer's"
        );
        assert_eq!(
            with(serde_json::json!({"not_before": 2, "expires": 1})),
            "consumers[0].keys[0].expires: must be after not_before"
        );
    }

    #[test]
    fn a_key_stands_once() {
        let digest = "ab".repeat(32);
        let twice = format!("the key {digest} stands twice");
        let keys = serde_json::json!([{"sha256": digest}]);
        let json = serde_json::json!({"consumers": [{"name": "a", "key_sha256": [digest]}, {"name": "b", "keys": keys}]});
        assert_eq!(refusal::<AuthConfig>(json.clone()), format!("consumers[1]: {twice}"));

        let consumers: Vec<Consumer> = serde_json::from_value(json["consumers"].clone()).unwrap();
        let grants: Vec<_> = consumers[0].grants().collect();
        let shipped = KeySet::pack(&consumers, &grants).unwrap();
        let json = serde_json::json!({"consumers": [{"name": "b", "keys": keys}], "api_keys": shipped});
        assert_eq!(refusal::<AuthConfig>(json), format!("consumers[0]: {twice}"));
    }

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

    #[test]
    fn a_revocation_names_a_provider_that_exists() {
        let json = serde_json::json!({"revoked": {"tokens": [{"provider": "nobody", "jti": "1"}]}});
        assert_eq!(refusal::<AuthConfig>(json), "revoked.tokens: there is no provider 'nobody'");
        let json = serde_json::json!({"revoked": {"subjects": [{"provider": "nobody", "subject": "s", "before": 1}]}});
        assert_eq!(refusal::<AuthConfig>(json), "revoked.subjects: there is no provider 'nobody'");
    }
}
