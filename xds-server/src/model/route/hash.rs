//! What of a request chooses its endpoint.

use ferrox_policy::{Check, Invalid};
use serde::Deserialize;

use super::headers::check_token;

/// What of a request chooses its endpoint, where the upstream balances by hash.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "Document")]
pub enum HashKey {
    /// The value of a header.
    Header(String),
    /// The value of a cookie.
    Cookie {
        /// Its name.
        name: String,
        /// A client without the cookie is given one that lasts so many seconds; 0: as long as its session.
        ttl_seconds: Option<u32>,
        /// The path of a cookie that is given.
        path: Option<String>,
    },
    /// The client's address.
    Address,
    /// The value of a parameter of the query.
    Query(String),
}

/// A key as it is written: exactly one of `header`, `cookie`, `address` and `query` is set.
#[derive(Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Document {
    /// Name of a header, in lower case.
    header: Option<String>,
    /// Name of a cookie.
    cookie: Option<String>,
    /// Beside `cookie`: a client without one is given one that lasts so many seconds: 0, as long as its session, to
    /// 31536000. None is given without it.
    ttl_seconds: Option<u32>,
    /// Beside `ttl_seconds`: the path of the cookie that is given; that of the request without one.
    path: Option<String>,
    /// `true`: the client's address.
    address: bool,
    /// Name of a parameter of the query.
    query: Option<String>,
}

impl TryFrom<Document> for HashKey {
    type Error = &'static str;

    fn try_from(document: Document) -> Result<Self, Self::Error> {
        let Document { header, cookie, ttl_seconds, path, address, query } = document;
        if cookie.is_none() && ttl_seconds.is_some() || ttl_seconds.is_none() && path.is_some() {
            return Err("ttl_seconds is for a cookie, and path for one with ttl_seconds");
        }
        match (header, cookie, address, query) {
            (Some(name), None, false, None) => Ok(Self::Header(name)),
            (None, Some(name), false, None) => Ok(Self::Cookie { name, ttl_seconds, path }),
            (None, None, true, None) => Ok(Self::Address),
            (None, None, false, Some(name)) => Ok(Self::Query(name)),
            _ => Err("exactly one of header, cookie, address and query must be set"),
        }
    }
}

const MAX_TTL: u32 = 31_536_000;

impl Check for HashKey {
    fn check(&self) -> Result<(), Invalid> {
        let refuse = |field: &'static str| move |reason| Invalid::new(field, reason);
        match self {
            Self::Header(name) => check_token(name).map_err(refuse("header")),
            Self::Cookie { name, ttl_seconds, path } => {
                // A cookie's name is a token too, but of any case (RFC 6265 section 4.1.1).
                check_token(&name.to_ascii_lowercase()).map_err(refuse("cookie"))?;
                if ttl_seconds.is_some_and(|seconds| seconds > MAX_TTL) {
                    return Err(Invalid::new("ttl_seconds", format!("must be 0 to {MAX_TTL}")));
                }
                let is_path = |path: &String| {
                    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';')
                };
                match path.as_ref().is_none_or(is_path) {
                    true => Ok(()),
                    false => Err(Invalid::new("path", "is no path of a cookie (RFC 6265 section 4.1.1)")),
                }
            }
            Self::Query(name) if name.is_empty() => Err(Invalid::new("query", "is empty")),
            Self::Address | Self::Query(_) => Ok(()),
        }
    }
}
