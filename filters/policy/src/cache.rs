//! What can be answered from the cache: the policy of a route and the configuration of the cache-key filter.

use serde::{Deserialize, Serialize};

use crate::{
    Invalid,
    invalid::{Check, check_header_name},
    placement::Placement,
    sidecar::Sidecar,
};

/// Name of the filter in Envoy's chain, and of its namespace in a route's metadata.
pub const FILTER: &str = "ferrox.cache_key";

/// What a route caches. A route without this policy caches nothing.
///
/// The key is made of route, method, scheme, host, path, query, the chosen headers and the identity. An answer is
/// stored only if it is explicitly fresh (`max-age`, `s-maxage`) or [`CachePolicy::default_ttl_seconds`] is
/// set, and only if nothing forbids it (`no-store`, `private`, `no-cache`, `Set-Cookie`, a `Vary` on a header
/// that is not in the key).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CachePolicy {
    /// How long an answer with status 200 that says nothing of its freshness is fresh, in seconds: 1 to 31,536,000.
    /// Default: such an answer is not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_ttl_seconds: Option<u64>,
    /// Request headers that are part of the key, in lower case; at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// Share answers between identities. Only answers that say they may be shared although the request was
    /// authorized are stored then (`public`, `s-maxage`: RFC 9111 section 3.5). Default: false, each identity
    /// has entries of its own.
    #[serde(default)]
    pub shared: bool,
    /// Largest body that is stored, in bytes: 1 to 8,388,608. Default: 1,048,576.
    #[serde(default = "default_max_body_bytes")]
    pub max_body_bytes: usize,
}

fn default_max_body_bytes() -> usize {
    1 << 20
}

impl Check for CachePolicy {
    fn check(&self) -> Result<(), Invalid> {
        if self.default_ttl_seconds.is_some_and(|ttl| !(1..=31_536_000).contains(&ttl)) {
            return Err(Invalid::new("default_ttl_seconds", "must be 1 to 31536000 (a year)"));
        }
        if self.headers.len() > 16 {
            return Err(Invalid::new("headers", "can name at most 16 headers"));
        }
        for (index, name) in self.headers.iter().enumerate() {
            let refuse = |reason: String| Invalid::new(format!("headers[{index}]"), reason);
            check_header_name(name).map_err(refuse)?;
            if self.headers.iter().take(index).any(|earlier| earlier == name) {
                return Err(refuse(format!("'{name}' stands twice")));
            }
        }
        if !(1..=8 << 20).contains(&self.max_body_bytes) {
            return Err(Invalid::new("max_body_bytes", "must be 1 to 8388608 (8 MiB)"));
        }
        Ok(())
    }
}

/// Plugin configuration of the cache-key filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CacheConfig {
    /// Where the entries are.
    pub sidecar: Sidecar,
    /// Policies for requests whose route carries none, where there is no Ferrox control plane.
    #[serde(default)]
    pub policies: Placement<CachePolicy>,
}

impl Check for CacheConfig {
    fn check(&self) -> Result<(), Invalid> {
        self.sidecar.check().map_err(|invalid| invalid.within("sidecar"))?;
        self.policies.check().map_err(|invalid| invalid.within("policies"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn refusal(json: &str) -> String {
        parse::<CachePolicy>(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_policy_out_of_range_is_refused_by_name() {
        assert!(refusal(r#"{"default_ttl_seconds":0}"#).starts_with("default_ttl_seconds"));
        assert!(refusal(r#"{"headers":["Accept"]}"#).starts_with("headers[0]"));
        assert!(refusal(r#"{"headers":["a","a"]}"#).starts_with("headers[1]: 'a' stands twice"));
        assert!(refusal(r#"{"max_body_bytes":0}"#).starts_with("max_body_bytes"));
        assert!(refusal(r#"{"ttl":5}"#).contains("unknown field `ttl`"));
    }

    #[test]
    fn the_empty_policy_caches_what_the_upstream_allows() {
        let policy: CachePolicy = parse(b"{}").unwrap();
        assert_eq!(policy.default_ttl_seconds, None);
        assert_eq!(policy.max_body_bytes, 1_048_576);
        assert!(!policy.shared);
    }
}
