//! Which methods a limit holds for.

use serde::{Deserialize, Deserializer, Serialize};

use super::word_or_list::{self, WordOrList};
use crate::{Check, Invalid};

/// Which methods: a word, or a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Methods {
    /// As a word.
    Kind(MethodKind),
    /// At least one method, in upper case.
    List(Vec<String>),
}

/// Whether a method changes anything (RFC 9110 section 9.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MethodKind {
    /// GET, HEAD, OPTIONS and TRACE, which are safe.
    Read,
    /// All others.
    Write,
}

/// The methods that are safe.
const SAFE: [&str; 4] = ["GET", "HEAD", "OPTIONS", "TRACE"];

impl Methods {
    /// Whether a method is one of them. Methods have letter case (RFC 9110 section 9.1).
    #[must_use]
    pub fn has(&self, method: &[u8]) -> bool {
        let is_safe = || SAFE.iter().any(|safe| safe.as_bytes() == method);
        match self {
            Self::Kind(MethodKind::Read) => is_safe(),
            Self::Kind(MethodKind::Write) => !is_safe(),
            Self::List(methods) => methods.iter().any(|named| named.as_bytes() == method),
        }
    }
}

impl<'de> Deserialize<'de> for Methods {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let either = word_or_list::read(deserializer, "read, write, or a list of methods")?;
        Ok(match either {
            WordOrList::Word(word) => Self::Kind(word),
            WordOrList::List(list) => Self::List(list),
        })
    }
}

impl Check for Methods {
    fn check(&self) -> Result<(), Invalid> {
        let Self::List(methods) = self else { return Ok(()) };
        let is_method = |method: &String| {
            !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
        };
        match !methods.is_empty() && methods.iter().all(is_method) {
            true => Ok(()),
            false => Err(Invalid::new("", "needs at least one method, in upper case")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parsed(json: Value) -> Result<Methods, String> {
        let methods: Methods = serde_json::from_value(json).map_err(|error| error.to_string())?;
        methods.check().map(|()| methods).map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn each_method_reads_or_writes() {
        let [read, write] = ["read", "write"].map(|word| parsed(json!(word)).unwrap());
        let list = parsed(json!(["PUT", "GET"])).unwrap();
        for (method, reads, listed) in [
            ("GET", true, true),
            ("HEAD", true, false),
            ("OPTIONS", true, false),
            ("TRACE", true, false),
            ("POST", false, false),
            ("PUT", false, true),
            ("PROPFIND", false, false),
            ("get", false, false),
        ] {
            let has = |methods: &Methods| methods.has(method.as_bytes());
            assert_eq!((has(&read), has(&write), has(&list)), (reads, !reads, listed), "{method}");
        }
    }

    #[test]
    fn what_is_no_method_is_refused() {
        for (json, refusal) in [
            (json!("any"), "unknown variant `any`"),
            (json!(1), "invalid type: integer `1`, expected read, write, or a list of methods"),
            (json!([]), "needs at least one method"),
            (json!(["get"]), "needs at least one method, in upper case"),
        ] {
            let refused = parsed(json).unwrap_err();
            assert!(refused.starts_with(refusal), "{refused}");
        }
    }
}
