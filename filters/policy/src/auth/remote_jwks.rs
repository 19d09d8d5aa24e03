//! Keys that the filter fetches.

use serde::{Deserialize, Serialize};

use crate::{Check, Invalid};

/// Where an issuer's keys are fetched. One VM of each Envoy does it for all, before the keys in use are too old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RemoteJwks {
    /// The Envoy cluster that leads there; whether and how it uses TLS is the cluster's own affair.
    pub cluster: String,
    /// `https://host/path`: the authority and the path of the request.
    pub uri: String,
    /// `uri` is the issuer's `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0 section 4), whose `issuer` must
    /// be the provider's, and whose `jwks_uri` must have the same host unless there is a `jwks_cluster`. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub discovery: bool,
    /// The cluster for a `jwks_uri` of another host, with `discovery` only. Default: `cluster`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_cluster: Option<String>,
    /// When keys are fetched anew, in seconds, 1 to 86400, where the answer has no `Cache-Control: max-age`; one that it has
    /// counts, within 30 seconds and a day. Default: 300.
    #[serde(default = "default_refresh")]
    pub refresh_seconds: u32,
    /// Longest wait for an answer, in milliseconds, 1 to 60000. Default: 5000.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u32,
}

fn default_refresh() -> u32 {
    300
}

fn default_timeout() -> u32 {
    5000
}

/// The authority and the path, with its query, of an `https` URI. `None` for anything else: with user information, with
/// a fragment, without a path, or with what may not stand in a URI (RFC 3986 section 3).
#[must_use]
pub fn https_parts(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("https://")?;
    let (authority, path) = rest.split_at(rest.find('/')?);
    let of_host = |b: u8| b.is_ascii_alphanumeric() || b"-._~:[]".contains(&b);
    let of_path = |b: u8| b.is_ascii_graphic() && !br##"#"<>\^`{|}"##.contains(&b);
    let is_sound = !authority.is_empty() && authority.bytes().all(of_host) && path.bytes().all(of_path);
    is_sound.then_some((authority, path))
}

impl Check for RemoteJwks {
    fn check(&self) -> Result<(), Invalid> {
        if self.cluster.is_empty() {
            return Err(Invalid::new("cluster", "must not be empty"));
        }
        if https_parts(&self.uri).is_none() {
            return Err(Invalid::new("uri", "must be https://host/path"));
        }
        match &self.jwks_cluster {
            Some(_) if !self.discovery => {
                return Err(Invalid::new("jwks_cluster", "is for discovery only"));
            }
            Some(cluster) if cluster.is_empty() => {
                return Err(Invalid::new("jwks_cluster", "must not be empty"));
            }
            _ => {}
        }
        if !(1..=86_400).contains(&self.refresh_seconds) {
            return Err(Invalid::new("refresh_seconds", "must be 1 to 86400"));
        }
        if !(1..=60_000).contains(&self.timeout_ms) {
            return Err(Invalid::new("timeout_ms", "must be 1 to 60000"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::refusal;
    use serde_json::json;

    #[test]
    fn only_an_https_uri_with_host_and_path_is_taken_apart() {
        assert_eq!(https_parts("https://id.example:8443/a/b?c=d"), Some(("id.example:8443", "/a/b?c=d")));
        assert_eq!(https_parts("https://[::1]/"), Some(("[::1]", "/")));
        for other in [
            "",
            "http://id/a",
            "https://id",
            "https:///a",
            "https://me@id/a",
            "https://id/a#b",
            "https://id/a b",
            "https://id/a\r\nx: y",
            "https://id\u{e9}/a",
        ] {
            assert_eq!(https_parts(other), None, "{other}");
        }
    }

    #[test]
    fn a_wrong_field_is_named() {
        let with = |field: &str, value: serde_json::Value| {
            let mut remote = json!({"cluster": "idp", "uri": "https://id/keys"});
            remote[field] = value;
            refusal::<RemoteJwks>(remote)
        };
        assert_eq!(with("cluster", json!("")), "cluster: must not be empty");
        assert_eq!(with("uri", json!("http://id/keys")), "uri: must be https://host/path");
        assert_eq!(with("jwks_cluster", json!("other")), "jwks_cluster: is for discovery only");
        for seconds in [0, 86_401] {
            assert_eq!(with("refresh_seconds", json!(seconds)), "refresh_seconds: must be 1 to 86400");
        }
        for timeout in [0, 60_001] {
            assert_eq!(with("timeout_ms", json!(timeout)), "timeout_ms: must be 1 to 60000");
        }
    }
}
