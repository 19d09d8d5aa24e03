//! What the upstream sees as path and host.

use ferrox_policy::{Check, Invalid};
use serde::Deserialize;

use super::{
    headers,
    redirect::{check_host, check_path},
};
use crate::model::Pattern;

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
    /// This, with what the template of the route captured in the place of `{name}`.
    Template(String),
    /// The path, with each match of a regular expression replaced.
    Regex {
        /// What is replaced.
        #[schemars(with = "String")]
        pattern: Pattern,
        /// By what: `\1` to `\9` are groups of the pattern, `\0` is all of it.
        substitution: String,
    },
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
    /// A path in which `{name}` is what the route's path_template captures so. At most one of `prefix`, `template` and `regex`
    /// is set.
    #[serde(default)]
    template: Option<String>,
    /// What is replaced in the path, wherever it stands and each time.
    #[serde(default)]
    regex: Option<Substitution>,
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

/// A regular expression and what takes the place of its matches.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Substitution {
    /// A regular expression in the syntax of RE2, at most 100 instructions long as path_regex is.
    pattern: String,
    /// 1 to 1024 characters of a path; `\1` to `\9` are groups of the pattern, `\0` is all of it.
    substitution: String,
}

impl TryFrom<Substitution> for PathRewrite {
    type Error = String;

    fn try_from(Substitution { pattern, substitution }: Substitution) -> Result<Self, Self::Error> {
        let pattern = Pattern::parse(&pattern).map_err(|reason| format!("pattern: {reason}"))?;
        check_substitution(&substitution, pattern.groups())
            .map_err(|reason| format!("substitution: {reason}"))?;
        Ok(Self::Regex { pattern, substitution })
    }
}

/// RE2 takes a backslash and a digit for a group, two for one, and refuses anything else.
fn check_substitution(substitution: &str, groups: usize) -> Result<(), String> {
    if substitution.is_empty() || substitution.len() > 1024 {
        return Err("must be 1 to 1024 characters".to_owned());
    }
    let mut characters = substitution.chars();
    while let Some(character) = characters.next() {
        if !character.is_ascii_graphic() || matches!(character, '?' | '#') {
            return Err(format!("'{}' is no character of a path", character.escape_debug()));
        }
        if character != '\\' {
            continue;
        }
        let group = characters
            .next()
            .and_then(|digit| digit.to_digit(10))
            .and_then(|digit| usize::try_from(digit).ok());
        if group.is_none_or(|group| group > groups) {
            return Err(format!("a backslash is followed by the number of a group, 0 to {groups}"));
        }
    }
    Ok(())
}

impl TryFrom<Document> for Rewrite {
    type Error = String;

    fn try_from(document: Document) -> Result<Self, Self::Error> {
        let host = match (document.host, document.host_from_header, document.host_of_endpoint) {
            (None, None, false) => None,
            (Some(host), None, false) => Some(HostRewrite::Literal(host)),
            (None, Some(header), false) => Some(HostRewrite::Header(header)),
            (None, None, true) => Some(HostRewrite::Endpoint),
            _ => return Err("only one of host, host_from_header and host_of_endpoint can be set".to_owned()),
        };
        let path = match (document.prefix, document.template, document.regex) {
            (prefix, None, None) => prefix.map(PathRewrite::Prefix),
            (None, Some(template), None) => Some(PathRewrite::Template(template)),
            (None, None, Some(regex)) => {
                Some(PathRewrite::try_from(regex).map_err(|reason| format!("regex.{reason}"))?)
            }
            _ => return Err("only one of prefix, template and regex can be set".to_owned()),
        };
        Ok(Self { path, host })
    }
}

impl Check for Rewrite {
    fn check(&self) -> Result<(), Invalid> {
        match &self.path {
            Some(PathRewrite::Prefix(prefix)) => check_path("prefix", prefix, false)?,
            // With a letter in the place of the braces, which no path has.
            Some(PathRewrite::Template(template)) => {
                check_path("template", &template.replace(['{', '}'], "x"), false)?;
            }
            Some(PathRewrite::Regex { .. }) | None => {}
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
