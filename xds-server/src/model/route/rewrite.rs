//! What the upstream sees as path and host.

use ferrox_policy::{Check, Invalid};
use serde::Deserialize;

use super::{
    headers,
    redirect::{check_host, check_path},
};

/// What the upstream sees as path and host; by default, what the client sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "Document")]
pub struct Rewrite {
    /// The path.
    pub path: Option<PathRewrite>,
    /// The host.
    pub host: Option<HostRewrite>,
}

/// What takes the place of a path.
#[derive(Debug, Clone, PartialEq, Eq, schemars::JsonSchema)]
pub enum PathRewrite {
    /// The path, with this in the place of what the route's path matched.
    Prefix(String),
}

/// What takes the place of a host.
#[derive(Debug, Clone, PartialEq, Eq, schemars::JsonSchema)]
pub enum HostRewrite {
    /// This.
    Literal(String),
    /// The value of this header of the request, if it has it.
    Header(String),
    /// The name of the endpoint, if it has one.
    Endpoint,
}

/// A rewrite as it is written.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Document {
    /// What takes the place of the route's path (path_prefix or path_exact) at the beginning of the request's; the path is
    /// kept without one.
    #[serde(default)]
    prefix: Option<String>,
    /// The host, without a port. At most one of the three is set; the host is kept without one.
    #[serde(default)]
    host: Option<String>,
    /// A header of the request, in lower case, whose value becomes the host if it is there.
    #[serde(default)]
    host_from_header: Option<String>,
    /// Whether the host becomes the name of the endpoint, where it has one; `false` without one.
    #[serde(default)]
    host_of_endpoint: bool,
}

impl TryFrom<Document> for Rewrite {
    type Error = &'static str;

    fn try_from(document: Document) -> Result<Self, Self::Error> {
        let host = match (document.host, document.host_from_header, document.host_of_endpoint) {
            (None, None, false) => None,
            (Some(host), None, false) => Some(HostRewrite::Literal(host)),
            (None, Some(header), false) => Some(HostRewrite::Header(header)),
            (None, None, true) => Some(HostRewrite::Endpoint),
            _ => return Err("only one of host, host_from_header and host_of_endpoint can be set"),
        };
        Ok(Self { path: document.prefix.map(PathRewrite::Prefix), host })
    }
}

impl Check for Rewrite {
    fn check(&self) -> Result<(), Invalid> {
        if let Some(PathRewrite::Prefix(prefix)) = &self.path {
            check_path("prefix", prefix, false)?;
        }
        match &self.host {
            Some(HostRewrite::Literal(host)) => {
                check_host(host).map_err(|reason| Invalid::new("host", reason))
            }
            Some(HostRewrite::Header(name)) => {
                headers::check_token(name).map_err(|reason| Invalid::new("host_from_header", reason))
            }
            Some(HostRewrite::Endpoint) | None => Ok(()),
        }
    }
}
