//! Rows of the live tables: what holds at once, is no part of a release, and no return to an earlier release brings back.

use std::fmt;

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

/// The rows of the live tables, a list for each, each in the order of its primary key.
///
/// Whoever revokes a key means it whatever else is going on: while other rows make no sense, and when an earlier release is
/// returned to. So these rows are not part of a release, which is served with those that are in the tables now. A table
/// becomes live by standing here and in [`Things::is_live_alone`](crate::store::Things::is_live_alone), and by
/// [`Model::with_live`](crate::model::Model::with_live) taking its rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LiveRows {
    /// Table `api_keys`.
    pub api_keys: Vec<ApiKeyRow>,
    /// Table `jwks_sets`.
    pub jwks_sets: Vec<JwksSetRow>,
    /// Table `revocations`, in the order of the digits of its key.
    pub revocations: Vec<RevocationRow>,
}

/// An API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyRow {
    /// SHA-256 of the key, 64 lower-case hex digits.
    pub sha256: String,
    /// Name of the consumer.
    pub consumer: String,
    /// What people call the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Scopes of the consumer that the key has; none: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Names of the routes that it is good for; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    /// The first second that it is good for, since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<i64>,
    /// The first second that it is no longer good for, since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// Whether it is switched off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

/// The last good keys of an issuer whose keys are fetched.
#[derive(Clone, PartialEq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct JwksSetRow {
    /// Primary key: name of the provider.
    pub provider: String,
    /// The URL that they are for.
    pub source: String,
    /// A JWK Set.
    pub jwks: serde_json::Value,
}

impl fmt::Debug for JwksSetRow {
    /// Without the keys: what somebody else wrote into the table may be secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("JwksSetRow")
            .field("provider", &self.provider)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// A token that was taken back, or all of a subject up to a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct RevocationRow {
    /// Primary key, a number.
    pub id: String,
    /// Name of the provider.
    pub provider: String,
    /// The `jti` of the token; `None`: a subject's.
    pub jti: Option<String>,
    /// The `sub` of the tokens.
    pub subject: Option<String>,
    /// With a subject: up to when, in seconds since 1970.
    pub before: Option<i64>,
}
