//! Rows that hold whatever release is served: no release has them, so a return to an earlier one brings none back.

use std::fmt;

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

/// The live tables, a list for each, each in the order of its primary key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LiveRows {
    /// Table `jwks_sets`.
    pub jwks_sets: Vec<JwksSetRow>,
    /// Table `revocations`, in the order of the digits of its key.
    pub revocations: Vec<RevocationRow>,
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
