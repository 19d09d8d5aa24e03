//! Keys, and the forms in which they can be configured.

use std::fmt;

use ferrox_policy::auth::{ApiKey, AuthConfig, Consumer, KeyGrant, KeySet};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::Failure;

/// How keys are configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Packed, as the control plane ships them.
    Set,
    /// As an object for each consumer.
    Entries,
}

impl fmt::Display for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Set => "set",
            Self::Entries => "entries",
        })
    }
}

/// The key of a number.
pub(crate) fn key(number: u32) -> ApiKey {
    let bits: [u8; 32] = Sha256::digest(number.to_be_bytes()).into();
    let mut random = [0; 24];
    random.iter_mut().zip(bits).for_each(|(to, from)| *to = from);
    ApiKey::from_random(random)
}

/// The filter's configuration with the keys of the numbers from 0, each of a consumer of its own whose name has so many bytes; every
/// second key expires at a time of its own.
pub(crate) fn configuration(form: Form, keys: u32, name: u16) -> Result<String, Failure> {
    let width = usize::from(name).saturating_sub(1);
    let consumer = |number: u32| Consumer {
        name: format!("t{number:0width$}"),
        scopes: vec!["read".to_owned()],
        key_sha256: Vec::new(),
        keys: Vec::new(),
    };
    let consumers: Vec<_> = (0..keys).map(consumer).collect();
    let grants = (0..keys).zip(&consumers).map(|(number, consumer)| KeyGrant {
        expires: (number % 2 == 0).then_some(4_000_000_000 + u64::from(number)),
        ..KeyGrant::unlimited(key(number).sha256(), &consumer.name)
    });
    let policies = json!({"default": {"api_key": {}}});
    let config = match form {
        Form::Set => {
            let grants: Vec<_> = grants.collect();
            let api_keys = Some(KeySet::pack(&consumers, &grants)?);
            serde_json::to_value(AuthConfig { api_keys, ..AuthConfig::default() })?
        }
        Form::Entries => {
            let key = |grant: KeyGrant| match grant.expires {
                Some(expires) => json!({"sha256": grant.sha256, "expires": expires}),
                None => json!({"sha256": grant.sha256}),
            };
            let all =
                grants.map(|grant| json!({"name": grant.consumer, "scopes": ["read"], "keys": [key(grant)]}));
            json!({"consumers": all.collect::<Vec<_>>()})
        }
    };
    let mut config = config;
    if let Some(members) = config.as_object_mut() {
        members.insert("policies".to_owned(), policies);
    }
    Ok(config.to_string())
}
