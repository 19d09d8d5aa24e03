//! Rows of those who issue tokens and hold keys.

use std::fmt;

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

/// Who may issue tokens.
#[derive(Clone, PartialEq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct JwtProviderRow {
    /// Primary key.
    pub name: String,
    /// The `iss` claim.
    pub issuer: String,
    /// Accepted `aud` values.
    pub audiences: Vec<String>,
    /// The keys, which may be symmetric and so secret; `None`: they are fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<serde_json::Value>,
    /// Where the keys are fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Whether the issuer says where (OpenID Connect Discovery).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub discovery: bool,
    /// How often they are fetched, in seconds.
    #[serde(default = "default_refresh", skip_serializing_if = "is_default_refresh")]
    pub jwks_refresh_seconds: i32,
    /// Seconds.
    pub leeway_seconds: i32,
    /// The `alg` values that it may use; none: those that its keys say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<String>,
    /// Whether tokens may go without `exp`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_missing_exp: bool,
    /// Seconds from `iat` to `exp` at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_lifetime_seconds: Option<i32>,
    /// Rules on the claims, as `ferrox-policy` defines them.
    #[serde(default = "no_claims", skip_serializing_if = "is_no_claims")]
    pub claims: serde_json::Value,
}

fn default_refresh() -> i32 {
    300
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_default_refresh(seconds: &i32) -> bool {
    *seconds == default_refresh()
}

fn no_claims() -> serde_json::Value {
    serde_json::Value::Array(Vec::new())
}

fn is_no_claims(claims: &serde_json::Value) -> bool {
    *claims == no_claims()
}

impl fmt::Debug for JwtProviderRow {
    /// Without the keys, which may be secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("JwtProviderRow")
            .field("name", &self.name)
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .field("jwks_uri", &self.jwks_uri)
            .field("discovery", &self.discovery)
            .field("leeway_seconds", &self.leeway_seconds)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

/// Who holds API keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
#[serde(deny_unknown_fields)]
pub struct ConsumerRow {
    /// Primary key.
    pub name: String,
    /// What the consumer may do.
    pub scopes: Vec<String>,
}
