//! What a key is good for, in the long form.

use serde::{Deserialize, Serialize};

use super::KeyDigest;
use crate::{
    Check, Invalid,
    auth::{Consumer, check_scope},
};

/// The last second that a key's times can name, in seconds since 1970: in February 2106.
pub const MAX_TIME: u64 = u32::MAX as u64 - 1;

/// A key as the control plane knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyGrant {
    /// SHA-256 of the key.
    pub sha256: KeyDigest,
    /// Name of the consumer who holds it.
    pub consumer: String,
    /// Scopes of the consumer that the key has; `None` for all of them.
    pub scopes: Option<Vec<String>>,
    /// Names of the routes that the key is good for; empty for any.
    pub routes: Vec<String>,
    /// The first second that the key is good for, in seconds since 1970, at most [`MAX_TIME`].
    pub not_before: Option<u64>,
    /// The first second that it is no longer good for, in seconds since 1970, at most [`MAX_TIME`].
    pub expires: Option<u64>,
    /// Switched off for now.
    pub disabled: bool,
}

/// A key of a consumer in a configuration that people write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConsumerKey {
    /// SHA-256 of the key, 64 lower-case hex digits.
    pub sha256: KeyDigest,
    /// Those of the consumer's scopes that the key has. Default: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Names of the routes that the key is good for. Empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    /// The first second that the key is good for, in seconds since 1970, before February 2106. Default: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// The first second that it is no longer good for, in seconds since 1970, before February 2106. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Whether the key is switched off. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

impl ConsumerKey {
    /// The same as a grant to a consumer.
    #[must_use]
    pub fn to_grant(&self, consumer: &str) -> KeyGrant {
        KeyGrant {
            sha256: self.sha256,
            consumer: consumer.to_owned(),
            scopes: self.scopes.clone(),
            routes: self.routes.clone(),
            not_before: self.not_before,
            expires: self.expires,
            disabled: self.disabled,
        }
    }
}

impl KeyGrant {
    /// A key that is good for all that its consumer may do, at all times.
    #[must_use]
    pub fn unlimited(sha256: KeyDigest, consumer: &str) -> Self {
        Self {
            sha256,
            consumer: consumer.to_owned(),
            scopes: None,
            routes: Vec::new(),
            not_before: None,
            expires: None,
            disabled: false,
        }
    }

    /// Checks a key, and that it narrows what its consumer may do.
    ///
    /// # Errors
    /// The field that is wrong and the reason.
    pub fn check_for(&self, holder: &Consumer) -> Result<(), Invalid> {
        self.check()?;
        let foreign = |scope: &String| !holder.scopes.contains(scope);
        match self.scopes.iter().flatten().position(foreign) {
            Some(index) => Err(Invalid::new(format!("scopes[{index}]"), "is none of the consumer's")),
            None => Ok(()),
        }
    }
}

/// The rules for a key alone, see [`KeyGrant::check_for`].
impl Check for KeyGrant {
    fn check(&self) -> Result<(), Invalid> {
        for (index, scope) in self.scopes.iter().flatten().enumerate() {
            check_scope(scope).map_err(|reason| Invalid::new(format!("scopes[{index}]"), reason))?;
        }
        if let Some(index) = self.routes.iter().position(String::is_empty) {
            return Err(Invalid::new(format!("routes[{index}]"), "must not be empty"));
        }
        for (field, time) in [("not_before", self.not_before), ("expires", self.expires)] {
            if time.is_some_and(|time| time > MAX_TIME) {
                return Err(Invalid::new(field, format!("must be at most {MAX_TIME}, in February 2106")));
            }
        }
        match (self.not_before, self.expires) {
            (Some(start), Some(end)) if start >= end => {
                Err(Invalid::new("expires", "must be after not_before"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(change: impl FnOnce(&mut KeyGrant)) -> Result<(), String> {
        let mut grant = KeyGrant::unlimited(KeyDigest::of(b"abc"), "acme");
        change(&mut grant);
        grant.check().map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn a_grant_names_its_wrong_field() {
        assert_eq!(grant(|_| {}), Ok(()));
        let refusal = |change: fn(&mut KeyGrant)| grant(change).unwrap_err();
        assert!(refusal(|grant| grant.scopes = Some(vec!["a b".to_owned()])).starts_with("scopes[0]: "));
        assert_eq!(refusal(|grant| grant.routes = vec![String::new()]), "routes[0]: must not be empty");
        assert!(refusal(|grant| grant.expires = Some(MAX_TIME + 1)).starts_with("expires: must be at most"));
        assert!(
            refusal(|grant| grant.not_before = Some(u64::MAX)).starts_with("not_before: must be at most")
        );
    }

    #[test]
    fn a_grant_ends_after_it_begins() {
        let during = |start, end| grant(|grant| (grant.not_before, grant.expires) = (Some(start), Some(end)));
        assert_eq!(during(1, 2), Ok(()));
        assert_eq!(during(2, 2).unwrap_err(), "expires: must be after not_before");
        assert_eq!(during(0, MAX_TIME), Ok(()));
    }
}
