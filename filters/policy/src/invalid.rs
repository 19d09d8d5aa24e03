//! Why a policy or a configuration was refused.

use std::io::{BufRead, BufReader, Read};

use serde::de::DeserializeOwned;

/// A refusal: the field, as a path such as `limits[0].requests`, and the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", if .field.is_empty() { String::new() } else { format!("{}: ", .field) })]
pub struct Invalid {
    /// Path of the field inside the document; empty for the document itself.
    pub field: String,
    /// What is wrong with it, for the person who wrote it. Never holds a secret.
    pub reason: String,
}

impl Invalid {
    /// A refusal of `field` because of `reason`.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    /// The same refusal, seen from the document that holds this one under `parent`.
    #[must_use]
    pub fn within(self, parent: &str) -> Self {
        let field = match self.field.chars().next() {
            None => parent.to_owned(),
            Some('[') => format!("{parent}{}", self.field),
            Some(_) => format!("{parent}.{}", self.field),
        };
        Self { field, ..self }
    }
}

/// What has rules beyond its shape.
pub trait Check {
    /// Refuses the first field that breaks a rule.
    fn check(&self) -> Result<(), Invalid>;
}

/// Parses JSON and checks it. Unknown fields are refused, since a misspelt limit is no limit.
pub fn parse<T: DeserializeOwned + Check>(json: &[u8]) -> Result<T, Invalid> {
    check_object(json)?;
    finish(serde_json::Deserializer::from_slice(json))
}

/// Parses JSON as it is read, so that it is never in memory as a whole, and checks it. Slower than [`parse`].
pub fn parse_from<T: DeserializeOwned + Check>(json: impl Read) -> Result<T, Invalid> {
    let mut json = BufReader::with_capacity(READ_AT_ONCE, json);
    check_object(json.fill_buf().map_err(|error| Invalid::new("", error.to_string()))?)?;
    finish(serde_json::Deserializer::from_reader(json))
}

/// Bytes that are read at once.
const READ_AT_ONCE: usize = 64 << 10;

/// serde takes a list for a struct too, member by member.
fn check_object(start: &[u8]) -> Result<(), Invalid> {
    match start.trim_ascii_start().starts_with(b"{") {
        true => Ok(()),
        false => Err(Invalid::new("", "must be a JSON object")),
    }
}

fn finish<'de, T: DeserializeOwned + Check>(
    mut deserializer: serde_json::Deserializer<impl serde_json::de::Read<'de>>,
) -> Result<T, Invalid> {
    let value: T = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        let field = if field == "." { String::new() } else { field };
        Invalid::new(field, error.into_inner().to_string())
    })?;
    deserializer.end().map_err(|error| Invalid::new("", error.to_string()))?;
    value.check()?;
    Ok(value)
}

/// Checks the members of a list, naming the one that is wrong by its index.
pub(crate) fn check_each<T: Check>(field: &str, list: &[T]) -> Result<(), Invalid> {
    for (index, item) in list.iter().enumerate() {
        item.check().map_err(|invalid| invalid.within(&format!("{field}[{index}]")))?;
    }
    Ok(())
}

/// A lower-case header name (RFC 9110 section 5.1: a token).
pub(crate) fn check_header_name(name: &str) -> Result<(), String> {
    let token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(format!("'{name}' is no header name in lower case"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        number: u8,
    }

    impl Check for Sample {
        fn check(&self) -> Result<(), Invalid> {
            if self.number == 0 {
                return Err(Invalid::new("number", "must be at least 1"));
            }
            Ok(())
        }
    }

    #[test]
    fn a_refusal_names_the_field_and_the_reason() {
        let refusal = |json: &str| parse::<Sample>(json.as_bytes()).unwrap_err().to_string();
        assert_eq!(refusal(r#"{"number":0}"#), "number: must be at least 1");
        assert!(refusal(r#"{"number":"x"}"#).starts_with("number: invalid type"));
        assert!(refusal(r#"{"number":1,"nomber":2}"#).contains("unknown field `nomber`"));
        assert_eq!(refusal("[1]"), "must be a JSON object");
        assert!(refusal(r#"{"number":1} x"#).contains("trailing characters"));
        assert_eq!(parse::<Sample>(br#"{"number":1}"#).unwrap().number, 1);
    }

    #[test]
    fn a_refusal_can_be_seen_from_outside() {
        let inner = Invalid::new("requests", "must be at least 1").within("limits[2]");
        assert_eq!(inner.field, "limits[2].requests");
        assert_eq!(Invalid::new("", "bad").within("policy").field, "policy");
    }
}
