//! Who holds API keys, as people write it.

use serde::{Deserialize, Serialize};

use super::{ConsumerKey, KeyDigest, KeyGrant, check_scope};
use crate::{Check, Invalid};

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

    pub(super) fn digests(&self) -> impl Iterator<Item = &KeyDigest> {
        self.key_sha256.iter().chain(self.keys.iter().map(|key| &key.sha256))
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
    use crate::auth::{AuthConfig, refusal};

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
}
