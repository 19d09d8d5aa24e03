//! Where clients are sent.

use ferrox_policy::{Check, Invalid};
use serde::Deserialize;

use crate::model::HostPattern;

/// Where clients are sent: to the URL that they asked for, with these parts replaced. At least one part is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "Document")]
pub struct Redirect {
    /// The scheme.
    pub scheme: Option<Scheme>,
    /// The host, without a port.
    pub host: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The path.
    pub path: Option<RedirectPath>,
    /// The status.
    pub status: RedirectStatus,
    /// Whether the query is left out.
    pub strip_query: bool,
}

/// What takes the place of a path.
#[derive(Debug, Clone, PartialEq, Eq, schemars::JsonSchema)]
pub enum RedirectPath {
    /// This, with a query or without.
    Whole(String),
    /// The path, with this in the place of what the route's path matched.
    Prefix(String),
}

/// A scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// In clear text.
    Http,
    /// With TLS.
    Https,
}

/// The status of a redirect (RFC 9110 section 15.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "u16")]
pub enum RedirectStatus {
    /// 301: for good; a POST may become a GET.
    MovedPermanently,
    /// 302: for now; a POST may become a GET.
    Found,
    /// 303: the answer is elsewhere, to be had by GET.
    SeeOther,
    /// 307: for now, with the same method.
    TemporaryRedirect,
    /// 308: for good, with the same method.
    PermanentRedirect,
}

/// A redirect as it is written.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Document {
    /// `http` or `https`; the request's without one.
    #[serde(default)]
    scheme: Option<Scheme>,
    /// The host, without a port; the request's without one.
    #[serde(default)]
    host: Option<String>,
    /// The port: 1 to 65535; the scheme's own if the scheme is replaced, else the request's.
    #[serde(default)]
    port: Option<u16>,
    /// The whole path, with a query or without; not beside `prefix`. The request's without one.
    #[serde(default)]
    path: Option<String>,
    /// What takes the place of the route's path (path_prefix or path_exact) at the beginning of the request's; not beside
    /// `path`.
    #[serde(default)]
    prefix: Option<String>,
    /// 301, 302, 303, 307 or 308; 302 without one.
    #[serde(default = "found")]
    status: RedirectStatus,
    /// Whether the query is left out; `false` without one.
    #[serde(default)]
    strip_query: bool,
}

const fn found() -> RedirectStatus {
    RedirectStatus::Found
}

impl TryFrom<u16> for RedirectStatus {
    type Error = &'static str;

    fn try_from(status: u16) -> Result<Self, Self::Error> {
        match status {
            301 => Ok(Self::MovedPermanently),
            302 => Ok(Self::Found),
            303 => Ok(Self::SeeOther),
            307 => Ok(Self::TemporaryRedirect),
            308 => Ok(Self::PermanentRedirect),
            _ => Err("must be 301, 302, 303, 307 or 308"),
        }
    }
}

impl TryFrom<Document> for Redirect {
    type Error = &'static str;

    fn try_from(document: Document) -> Result<Self, Self::Error> {
        let Document { scheme, host, port, path, prefix, status, strip_query } = document;
        let path = match (path, prefix) {
            (None, None) => None,
            (Some(path), None) => Some(RedirectPath::Whole(path)),
            (None, Some(prefix)) => Some(RedirectPath::Prefix(prefix)),
            (Some(_), Some(_)) => return Err("only one of path and prefix can be set"),
        };
        Ok(Self { scheme, host, port, path, status, strip_query })
    }
}

impl Check for Redirect {
    fn check(&self) -> Result<(), Invalid> {
        if (&self.scheme, &self.host, self.port, &self.path) == (&None, &None, None, &None) {
            return Err(Invalid::new(
                "",
                "needs a scheme, host, port, path or prefix, or it leads back to itself",
            ));
        }
        if let Some(host) = &self.host {
            check_host(host).map_err(|reason| Invalid::new("host", reason))?;
        }
        if self.port == Some(0) {
            return Err(Invalid::new("port", "must be 1 to 65535"));
        }
        match &self.path {
            None => Ok(()),
            Some(RedirectPath::Whole(path)) => check_path("path", path, true),
            Some(RedirectPath::Prefix(prefix)) => check_path("prefix", prefix, false),
        }
    }
}

/// One host without a port.
pub(super) fn check_host(host: &str) -> Result<(), String> {
    match HostPattern::parse(host) {
        Ok(pattern) if pattern.is_exact() => Ok(()),
        Ok(_) | Err(_) => {
            Err(format!("'{}' is not a host: a name or address without port is", host.escape_debug()))
        }
    }
}

/// What a path or the beginning of one is replaced by.
pub(super) fn check_path(field: &str, path: &str, with_query: bool) -> Result<(), Invalid> {
    let refuse = |reason: &str| Err(Invalid::new(field, reason));
    if !path.starts_with('/') || path.starts_with("//") {
        return refuse("must begin with one '/'");
    }
    if path.len() > 2048 {
        return refuse("is longer than 2048 bytes");
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return refuse("has other characters than printable ASCII");
    }
    if path.contains('#') || (path.contains('?') && !with_query) {
        return refuse("must be a path alone");
    }
    Ok(())
}
