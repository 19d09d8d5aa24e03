//! The plugin configuration of the auth filter.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{AuthPolicy, Consumer, JwtProvider, KeySet, Revocations, UsageReports};
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
    fn a_revocation_names_a_provider_that_exists() {
        let json = serde_json::json!({"revoked": {"tokens": [{"provider": "nobody", "jti": "1"}]}});
        assert_eq!(refusal::<AuthConfig>(json), "revoked.tokens: there is no provider 'nobody'");
        let json = serde_json::json!({"revoked": {"subjects": [{"provider": "nobody", "subject": "s", "before": 1}]}});
        assert_eq!(refusal::<AuthConfig>(json), "revoked.subjects: there is no provider 'nobody'");
    }
}
