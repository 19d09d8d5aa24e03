//! How a filter finds the policy of a request.
//!
//! Ferrox's control plane writes each route's policy into the route's metadata, under the filter's name,
//! as two strings: [`POLICY`], the JSON, and [`DIGEST`], what identifies it, so that a filter parses a
//! known policy once. Where there is no such control plane (a plain Envoy, Istio), the same policies stand
//! in the plugin configuration as a [`Placement`]. Route metadata wins.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Invalid,
    invalid::{Check, check_each},
};

/// Key of the policy's JSON in the filter's namespace of the route metadata.
pub const POLICY: &str = "policy";
/// Key of the policy's digest in the filter's namespace of the route metadata.
pub const DIGEST: &str = "digest";

/// What identifies a policy: the first 16 bytes of the SHA-256 of its JSON, in hex.
#[must_use]
pub fn digest(json: &str) -> String {
    Sha256::digest(json.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Policies by host and path, for a filter that is used alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, bound(deserialize = "P: Deserialize<'de>"))]
pub struct Placement<P> {
    /// The first entry that matches decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Placed<P>>,
    /// The policy of a request that no entry matches. Default: none, the filter lets it pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<P>,
}

impl<P> Default for Placement<P> {
    fn default() -> Self {
        Self { routes: Vec::new(), default: None }
    }
}

/// A policy and the requests that it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Placed<P> {
    /// Which requests.
    #[serde(rename = "match")]
    pub matches: Match,
    /// What holds for them; `null`: nothing, the filter lets them pass.
    pub policy: Option<P>,
}

/// Which requests a [`Placed`] policy is for. Every condition that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The request's host without its port, compared without regard to letter case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// A prefix of the path on segment boundaries: `/api` matches `/api` and `/api/x`, not `/apis`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
}

impl Match {
    /// Whether a request with this `:authority` and `:path` is meant.
    #[must_use]
    pub fn matches(&self, authority: &[u8], path: &[u8]) -> bool {
        let host_matches =
            self.host.as_ref().is_none_or(|host| host_of(authority).eq_ignore_ascii_case(host.as_bytes()));
        host_matches && self.path_prefix.as_ref().is_none_or(|prefix| has_prefix(path, prefix.as_bytes()))
    }
}

/// The host in an authority (RFC 3986 section 3.2): without its port, with the brackets of an IPv6 address.
fn host_of(authority: &[u8]) -> &[u8] {
    let end_of_address = authority.iter().rposition(|b| *b == b']').unwrap_or(0);
    match authority.iter().rposition(|b| *b == b':') {
        Some(colon) if colon >= end_of_address => authority.get(..colon).unwrap_or(authority),
        _ => authority,
    }
}

fn has_prefix(path: &[u8], prefix: &[u8]) -> bool {
    let path = path.split(|b| *b == b'?' || *b == b'#').next().unwrap_or_default();
    match path.strip_prefix(prefix) {
        None => false,
        Some(rest) => rest.is_empty() || rest.starts_with(b"/") || prefix.ends_with(b"/"),
    }
}

impl<P> Placement<P> {
    /// The policy that a request with this `:authority` and `:path` falls under.
    pub fn find(&self, authority: &[u8], path: &[u8]) -> Option<&P> {
        match self.routes.iter().find(|placed| placed.matches.matches(authority, path)) {
            Some(placed) => placed.policy.as_ref(),
            None => self.default.as_ref(),
        }
    }

    /// Every policy in it.
    pub fn iter(&self) -> impl Iterator<Item = &P> {
        self.routes.iter().filter_map(|placed| placed.policy.as_ref()).chain(self.default.as_ref())
    }

    /// The same placement of something made from each policy.
    pub fn map<Q>(self, mut f: impl FnMut(P) -> Q) -> Placement<Q> {
        Placement {
            routes: self
                .routes
                .into_iter()
                .map(|placed| Placed { matches: placed.matches, policy: placed.policy.map(&mut f) })
                .collect(),
            default: self.default.map(f),
        }
    }
}

impl<P: Check> Check for Placement<P> {
    fn check(&self) -> Result<(), Invalid> {
        check_each("routes", &self.routes)?;
        match &self.default {
            Some(policy) => policy.check().map_err(|invalid| invalid.within("default")),
            None => Ok(()),
        }
    }
}

impl<P: Check> Check for Placed<P> {
    fn check(&self) -> Result<(), Invalid> {
        if self.matches.host.as_ref().is_some_and(|host| host.is_empty() || host.contains('*')) {
            return Err(Invalid::new("match.host", "must be one host, without wildcards"));
        }
        if self.matches.path_prefix.as_ref().is_some_and(|prefix| !prefix.starts_with('/')) {
            return Err(Invalid::new("match.path_prefix", "must start with '/'"));
        }
        match &self.policy {
            Some(policy) => policy.check().map_err(|invalid| invalid.within("policy")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(host: Option<&str>, prefix: Option<&str>) -> Match {
        Match { host: host.map(str::to_owned), path_prefix: prefix.map(str::to_owned) }
    }

    #[test]
    fn a_prefix_ends_on_a_segment_boundary() {
        let api = matcher(None, Some("/api"));
        assert!(api.matches(b"h", b"/api") && api.matches(b"h", b"/api/x") && api.matches(b"h", b"/api?q=1"));
        assert!(!api.matches(b"h", b"/apis") && !api.matches(b"h", b"/x/api"));
        assert!(matcher(None, Some("/api/")).matches(b"h", b"/api/x"));
        assert!(matcher(None, Some("/")).matches(b"h", b"/x"));
    }

    #[test]
    fn a_host_is_compared_without_port_and_case() {
        let host = matcher(Some("Example.com"), None);
        assert!(host.matches(b"example.COM:8080", b"/") && host.matches(b"example.com", b"/"));
        assert!(!host.matches(b"example.com.evil", b"/"));
        assert!(matcher(Some("[::1]"), None).matches(b"[::1]:80", b"/"));
        assert!(matcher(Some("[::1]"), None).matches(b"[::1]", b"/"));
    }

    #[test]
    fn the_first_match_decides_and_null_means_nothing() {
        let placement = Placement {
            routes: vec![
                Placed { matches: matcher(None, Some("/open")), policy: None },
                Placed { matches: matcher(None, Some("/a")), policy: Some(1) },
                Placed { matches: matcher(None, Some("/a/b")), policy: Some(2) },
            ],
            default: Some(3),
        };
        assert_eq!(placement.find(b"h", b"/open/x"), None);
        assert_eq!(placement.find(b"h", b"/a/b"), Some(&1));
        assert_eq!(placement.find(b"h", b"/else"), Some(&3));
        assert_eq!(placement.iter().count(), 3);
    }

    #[test]
    fn the_digest_depends_on_the_json_alone() {
        assert_eq!(digest("{}"), "44136fa355b3678a1146ad16f7e8649e");
    }
}
