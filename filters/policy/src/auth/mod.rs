//! Who may pass: the policy of a route and the configuration of the auth filter.

mod accept;
mod algorithm;
mod api_key;
mod claims;
mod config;
mod consumer;
mod place;
mod policy;
mod provider;
mod remote_jwks;
mod revocations;

pub use self::{
    accept::{AcceptApiKey, AcceptJwt},
    algorithm::Algorithm,
    api_key::{
        ApiKey, ConsumerKey, HeldKey, KeyDigest, KeyGrant, KeySet, KeyUsage, KeyUsageReport,
        MAX_KEYS_IN_REPORT, MAX_TIME, Shape, Terms, USAGE_PATH, UsageReports,
    },
    claims::{ClaimPath, ClaimRule, ClaimTest, Scalar},
    config::AuthConfig,
    consumer::Consumer,
    place::Place,
    policy::{AuthPolicy, ClaimHeader, MethodNeeds, Require, check_scope},
    provider::{JwkSet, JwtProvider, MOST_KEYS},
    remote_jwks::{RemoteJwks, https_parts},
    revocations::{Revocations, RevokedSubject, RevokedToken},
};

/// Name of the filter in Envoy's chain, and of its namespace in a route's metadata.
pub const FILTER: &str = "ferrox.auth";

/// Why a document is refused.
#[cfg(test)]
fn refusal<T: serde::de::DeserializeOwned + crate::Check>(json: serde_json::Value) -> String {
    crate::parse::<T>(json.to_string().as_bytes()).err().expect("refused").to_string()
}
