//! Where in a request credentials are.

use serde::{Deserialize, Serialize};

use crate::{Check, Invalid, identity, invalid::check_header_name};

/// A place in a request. Exactly one of `header`, `query` and `cookie` is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// A request header, in lower case. In `authorization` a token follows the scheme `Bearer` (RFC 6750 section 2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What stands before the credentials in the header, byte for byte; a value that does not begin so is somebody else's.
    /// Default: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// A parameter of the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// A cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
}

impl Place {
    /// A header that holds nothing else.
    #[must_use]
    pub fn header(name: &str) -> Self {
        Self { header: Some(name.to_owned()), ..Self::default() }
    }
}

impl Check for Place {
    fn check(&self) -> Result<(), Invalid> {
        match (&self.header, &self.query, &self.cookie) {
            (Some(header), None, None) => check_header(header, self.prefix.as_deref()),
            (None, Some(_), None) | (None, None, Some(_)) if self.prefix.is_some() => {
                Err(Invalid::new("prefix", "is for headers only"))
            }
            (None, Some(query), None) => check_name("query", query),
            (None, None, Some(cookie)) => check_name("cookie", cookie),
            _ => Err(Invalid::new("", "exactly one of header, query and cookie is needed")),
        }
    }
}

fn check_header(header: &str, prefix: Option<&str>) -> Result<(), Invalid> {
    check_header_name(header).map_err(|reason| Invalid::new("header", reason))?;
    if matches!(header, "cookie" | "host") || identity::header::ALL.contains(&header) {
        return Err(Invalid::new("header", format!("'{header}' has another use, choose another")));
    }
    match prefix {
        Some(_) if header == "authorization" => Err(Invalid::new("prefix", "is Bearer in authorization")),
        Some("") => Err(Invalid::new("prefix", "must not be empty")),
        _ => Ok(()),
    }
}

/// A token of RFC 9110 section 5.6.2, which needs no escaping in a query or a cookie.
fn check_name(field: &str, name: &str) -> Result<(), Invalid> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    match !name.is_empty() && name.bytes().all(token) {
        true => Ok(()),
        false => Err(Invalid::new(field, "must be letters, digits, '-', '.', '_' or '~'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(place: Value) -> Result<(), String> {
        serde_json::from_value::<Place>(place).unwrap().check().map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn a_place_is_one_place() {
        for place in [
            json!({"header": "x-token"}),
            json!({"header": "x-token", "prefix": "Token "}),
            json!({"header": "authorization"}),
            json!({"query": "access_token"}),
            json!({"cookie": "__Host-token"}),
        ] {
            assert_eq!(check(place), Ok(()));
        }
        for (place, refusal) in [
            (json!({}), "exactly one of header"),
            (json!({"header": "a", "query": "b"}), "exactly one of header"),
            (json!({"prefix": "a"}), "exactly one of header"),
            (json!({"query": "a", "prefix": "b"}), "prefix: is for headers only"),
            (json!({"header": "a", "prefix": ""}), "prefix: must not be empty"),
            (json!({"header": "authorization", "prefix": "Token "}), "prefix: is Bearer"),
            (json!({"header": "X"}), "header: 'X' is no header name"),
            (json!({"header": "cookie"}), "header: 'cookie' has another use"),
            (json!({"header": "x-ferrox-subject"}), "header: 'x-ferrox-subject' has another use"),
            (json!({"query": "a b"}), "query: must be letters"),
            (json!({"cookie": "a=b"}), "cookie: must be letters"),
        ] {
            let found = check(place).unwrap_err();
            assert!(found.starts_with(refusal), "{found}");
        }
    }
}
