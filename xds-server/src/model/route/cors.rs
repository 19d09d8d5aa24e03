//! Which pages of other origins may read answers (CORS, WHATWG Fetch section 3.2).

use std::collections::BTreeSet;

use ferrox_policy::{Check, Invalid};
use serde::Deserialize;

use super::headers::check_token;
use crate::model::{HostPattern, Method, Pattern};

/// Which pages of other origins may read answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// The origins, 1 to 64: `https://app.example.com`, `https://*.example.com` for every subdomain, or `*` for any.
    pub origins: BTreeSet<Origin>,
    /// Methods that such a page may use; without any, those of the route, and for a route of any method GET, HEAD, POST,
    /// PUT, PATCH and DELETE.
    #[serde(default)]
    pub methods: BTreeSet<String>,
    /// Request headers, in lower case, that such a page may set beyond the safe ones; or `*` for any.
    #[serde(default)]
    pub request_headers: BTreeSet<String>,
    /// Headers of answers, in lower case, that such a page may read beyond the safe ones; or `*` for any.
    #[serde(default)]
    pub expose_headers: BTreeSet<String>,
    /// How long a browser may remember this, in seconds: 0 to 86400; as it likes without one.
    #[serde(default)]
    pub max_age_seconds: Option<u32>,
    /// Whether such a page may use cookies and the like; not with `*` in any list. `false` without one.
    #[serde(default)]
    pub credentials: bool,
    /// Whether pages of public networks may reach this one in a private network; `false` without one.
    #[serde(default)]
    pub private_network: bool,
}

/// Origins (RFC 6454 section 6.2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String")]
pub enum Origin {
    /// Any.
    Any,
    /// This one.
    Exact(String),
    /// Every subdomain: the origins that this matches.
    Subdomains(#[schemars(with = "String")] Pattern),
}

const ANY: &str = "*";
const MOST: usize = 64;
const MAX_AGE: u32 = 86_400;

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(origin: String) -> Result<Self, Self::Error> {
        if origin == ANY {
            return Ok(Self::Any);
        }
        parse(&origin).unwrap_or_else(|| {
            let shown = origin.escape_debug();
            Err(format!("'{shown}' is no origin in lower case: a scheme, a host and a port unless it is the scheme's own"))
        })
    }
}

fn parse(origin: &str) -> Option<Result<Origin, String>> {
    let (scheme, authority) = origin.split_once("://")?;
    let default_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    // Browsers never write the port that the scheme has anyway.
    let is_port = |port: &str| {
        let number = port.parse::<u16>().ok().filter(|number| *number != 0 && *number != default_port);
        number.is_some_and(|number| number.to_string() == port)
    };
    // A pattern is written as it is matched, so what comes back differs from what is no origin.
    let pattern = HostPattern::parse(host).ok().filter(|pattern| pattern.to_string() == host)?;
    if !port.is_none_or(is_port) || host == ANY {
        return None;
    }
    if pattern.is_exact() {
        return Some(Ok(Origin::Exact(origin.to_owned())));
    }
    let suffix = Pattern::quote(authority.strip_prefix('*')?);
    Some(Pattern::parse(&format!("{scheme}://[a-z0-9_.-]+{suffix}")).map(Origin::Subdomains))
}

impl Check for Cors {
    fn check(&self) -> Result<(), Invalid> {
        if self.origins.is_empty() || self.origins.len() > MOST {
            return Err(Invalid::new("origins", format!("must be 1 to {MOST}")));
        }
        if self.credentials && self.origins.contains(&Origin::Any) {
            return Err(Invalid::new("credentials", "cannot be granted to any origin; name the origins"));
        }
        if self.max_age_seconds.is_some_and(|seconds| seconds > MAX_AGE) {
            return Err(Invalid::new("max_age_seconds", format!("must be 0 to {MAX_AGE}")));
        }
        let refuse = |field: &'static str| move |reason| Invalid::new(field, reason);
        for method in &self.methods {
            Method::parse(method).map_err(refuse("methods"))?;
        }
        for (field, names) in
            [("request_headers", &self.request_headers), ("expose_headers", &self.expose_headers)]
        {
            names.iter().try_for_each(|name| check_token(name)).map_err(refuse(field))?;
            // There browsers take it for the name of a header.
            if self.credentials && names.contains(ANY) {
                return Err(Invalid::new(field, "cannot be '*' beside credentials"));
            }
        }
        Ok(())
    }
}
