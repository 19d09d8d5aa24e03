//! Which request methods a route serves.

use std::{collections::BTreeSet, fmt};

/// A request method (RFC 9110 section 9) of upper-case letters and hyphens, as all registered ones are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(String);

impl Method {
    /// Parses a method. Methods are case-sensitive, so lower case is refused rather than mended.
    ///
    /// # Errors
    /// The reason why it is none that can be routed.
    pub fn parse(method: &str) -> Result<Self, String> {
        let letter = |b: Option<&u8>| b.is_some_and(u8::is_ascii_uppercase);
        let bytes = method.as_bytes();
        let allowed = bytes.iter().all(|b| b.is_ascii_uppercase() || *b == b'-');
        if bytes.len() > 32 || !allowed || !letter(bytes.first()) || !letter(bytes.last()) {
            let shown = method.escape_debug();
            return Err(format!("'{shown}' is no method: 1 to 32 of A-Z, with '-' inside"));
        }
        if method == "CONNECT" {
            return Err("CONNECT opens a tunnel and has no path to route by".to_owned());
        }
        Ok(Self(method.to_owned()))
    }

    /// A regular expression for any of several methods.
    #[must_use]
    pub fn any_of(methods: &BTreeSet<Self>) -> String {
        // Letters and hyphens, so nothing is to be escaped.
        methods.iter().map(Self::as_str).collect::<Vec<_>>().join("|")
    }

    /// The method as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_methods_that_can_be_routed_are_taken() {
        for good in ["GET", "M-SEARCH", "PROPFIND"] {
            assert!(Method::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "get", "GET ", "-GET", "A|B", ".*", "CONNECT", &"A".repeat(33)] {
            assert!(Method::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn any_of_a_few_methods_can_be_asked_for() {
        let webdav = ["COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "UNLOCK"];
        let webdav = webdav.map(|name| Method::parse(name).unwrap()).into();
        assert_eq!(Method::any_of(&webdav), "COPY|LOCK|MKCOL|MOVE|PROPFIND|PROPPATCH|UNLOCK");
    }
}
