//! Changes of headers.

use std::collections::{BTreeMap, BTreeSet};

use ferrox_policy::{Check, Invalid, identity};
use serde::Deserialize;

/// Changes of the headers of requests or answers: first what is removed, then what is set and added.
///
/// A value may have the variables `%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%`, `%PROTOCOL%`, `%ROUTE_NAME%`,
/// `%START_TIME%` and `%REQ(name)%`, a header of the request; any other `%` is written `%%`. A header whose value comes out
/// empty is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeaderChanges {
    /// Values by name in lower case, in the place of any that is there: at most 64.
    pub set: BTreeMap<String, String>,
    /// Values by name in lower case, beside any that is there: at most 64.
    pub add: BTreeMap<String, String>,
    /// Names in lower case: at most 64.
    pub remove: BTreeSet<String>,
}

const MOST: usize = 64;
const MAX_VALUE: usize = 4096;

/// Headers of a connection rather than of a message (RFC 9110 section 7.6.1), and those that frame a message or route it.
const UNTOUCHABLE: [&str; 10] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// Those that have no argument.
const VARIABLES: [&str; 4] =
    ["DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "PROTOCOL", "ROUTE_NAME", "START_TIME"];

impl Check for HeaderChanges {
    fn check(&self) -> Result<(), Invalid> {
        for (field, values) in [("set", &self.set), ("add", &self.add)] {
            check_count(field, values.len())?;
            for (name, value) in values {
                let refuse = |reason| Invalid::new(format!("{field}.{name}"), reason);
                check_name(name).and_then(|()| check_value(value)).map_err(refuse)?;
            }
        }
        check_count("remove", self.remove.len())?;
        let removed = self.remove.iter().map(|name| check_name(name));
        removed.collect::<Result<(), _>>().map_err(|reason| Invalid::new("remove", reason))
    }
}

fn check_count(field: &str, count: usize) -> Result<(), Invalid> {
    match count > MOST {
        true => Err(Invalid::new(field, format!("has more than {MOST} headers"))),
        false => Ok(()),
    }
}

/// A header that may be changed.
fn check_name(name: &str) -> Result<(), String> {
    check_token(name)?;
    if UNTOUCHABLE.contains(&name) {
        return Err(format!(
            "'{name}' cannot be changed: it belongs to the connection or frames the message"
        ));
    }
    // Many upstreams take x_ferrox_consumer for x-ferrox-consumer.
    let meant = name.replace('_', "-");
    if meant.starts_with("x-ferrox-") || identity::header::ALL.contains(&meant.as_str()) {
        return Err(format!("'{name}' cannot be changed: only auth says who a request comes from"));
    }
    Ok(())
}

/// A header name in lower case (RFC 9110 section 5.1).
pub(super) fn check_token(name: &str) -> Result<(), String> {
    let token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || name.len() > 256 || !name.bytes().all(token) {
        return Err(format!("'{}' is no header name in lower case", name.escape_debug()));
    }
    Ok(())
}

/// A value in which every `%` begins a variable that is allowed, or is doubled.
fn check_value(value: &str) -> Result<(), String> {
    check_literal(value)?;
    let mut pieces = value.split('%');
    pieces.next();
    // After the first, pieces are in turn what is between two '%' and what is outside.
    while let Some(inside) = pieces.next() {
        if pieces.next().is_none() {
            return Err("has a single '%'; write '%%' for one that is meant".to_owned());
        }
        if !inside.is_empty() {
            check_variable(inside)?;
        }
    }
    Ok(())
}

fn check_variable(variable: &str) -> Result<(), String> {
    let header = variable.strip_prefix("REQ(").and_then(|rest| rest.strip_suffix(')'));
    let is_header =
        |name: &str| matches!(name, ":authority" | ":method" | ":path") || check_token(name).is_ok();
    if VARIABLES.contains(&variable) || header.is_some_and(is_header) {
        return Ok(());
    }
    let known = VARIABLES.map(|variable| format!("%{variable}%")).join(", ");
    let shown = variable.escape_debug();
    Err(format!("'%{shown}%' is none of {known} and %REQ(name)%; write '%%' for a '%' that is meant"))
}

/// A header's value (RFC 9110 section 5.5) of ASCII.
pub(super) fn check_literal(value: &str) -> Result<(), String> {
    if value.is_empty() || value.len() > MAX_VALUE {
        return Err(format!("must have 1 to {MAX_VALUE} bytes"));
    }
    let allowed = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if !value.bytes().all(allowed) || value.trim() != value {
        return Err("must be printable ASCII without spaces around it".to_owned());
    }
    Ok(())
}
