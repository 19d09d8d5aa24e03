//! Tokens that were taken back.

use serde::{Deserialize, Serialize};

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
    pub(super) fn is_empty(&self) -> bool {
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
