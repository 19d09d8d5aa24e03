//! Who a request comes from, as auth verified it.
//!
//! Auth writes the [`Identity`] as JSON into the stream's filter state under [`FILTER_STATE`], which no
//! client can reach, and as request headers for the upstream. The later filters read the filter state only.

mod published;

use serde::{Deserialize, Serialize};

pub use self::published::{CLAIMS_STATE, PublishedClaims};
use crate::key::Key;

/// Key of the identity in the stream's filter state. Envoy shows it as `wasm.ferrox.identity`.
pub const FILTER_STATE: &str = "ferrox.identity";

/// Key of the consumer's name alone in the stream's filter state, for the access log.
pub const CONSUMER_STATE: &str = "ferrox.consumer";

/// Request headers that carry the identity to the upstream. Auth removes them, whoever sent them, before it
/// sets its own; the control plane has Envoy remove them on routes without auth.
pub mod header {
    /// Name of the consumer whose API key was used.
    pub const CONSUMER: &str = "x-ferrox-consumer";
    /// The token's `sub`.
    pub const SUBJECT: &str = "x-ferrox-subject";
    /// The token's `iss`.
    pub const ISSUER: &str = "x-ferrox-issuer";
    /// Scopes held, separated by spaces.
    pub const SCOPES: &str = "x-ferrox-scopes";
    /// All of them.
    pub const ALL: [&str; 4] = [CONSUMER, SUBJECT, ISSUER, SCOPES];
}

/// Who a request comes from. At least one of `consumer` and `issuer` is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Name of the consumer whose API key was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer: Option<String>,
    /// Which API key that was: the first 16 hex digits of its SHA-256. They tell keys apart, and the log shows no more of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// Issuer of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Subject of the token; a token may have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Scopes held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

impl Identity {
    /// Reads what auth wrote into the filter state.
    ///
    /// # Errors
    /// When it is not what [`Identity::to_json`] writes.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// What auth writes into the filter state.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // A struct of strings always serializes.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Appends who this is to a key. Two callers share a key only if consumer, issuer and subject are all
    /// the same; `None` (nobody verified) differs from everybody.
    #[must_use]
    pub fn append_to(this: Option<&Self>, key: Key) -> Key {
        match this {
            None => key.absent(),
            Some(identity) => key
                .optional(identity.consumer.as_deref())
                .optional(identity.issuer.as_deref())
                .optional(identity.subject.as_deref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_the_filter_state() {
        let identity = Identity {
            consumer: Some("acme".to_owned()),
            scopes: vec!["read".to_owned()],
            ..Identity::default()
        };
        assert_eq!(Identity::from_json(&identity.to_json()).unwrap(), identity);
    }

    #[test]
    fn different_people_have_different_keys() {
        let key = |identity: Option<&Identity>| Identity::append_to(identity, Key::new("t")).to_string();
        let consumer = Identity { consumer: Some("a".to_owned()), ..Identity::default() };
        let subject = Identity { subject: Some("a".to_owned()), ..Identity::default() };
        let issuer = Identity { issuer: Some("a".to_owned()), ..Identity::default() };
        let all = [key(None), key(Some(&consumer)), key(Some(&subject)), key(Some(&issuer))];
        for (i, a) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|b| a != b), "{all:?}");
        }
    }
}
