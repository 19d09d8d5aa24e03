//! Which paths a route serves.

mod template;

pub use self::template::PathTemplate;
use super::Pattern;

/// A rule for the path of a request, without its query. Envoy compares it with the normalised path, so it is itself
/// normalised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathMatch {
    /// The whole path.
    Exact(Path),
    /// Its first segments: `/api` matches `/api` and `/api/x`, not `/apis`; `/api/` does not match `/api`.
    Prefix(Path),
    /// The whole path, by a regular expression.
    Regex(Pattern),
    /// The whole path, some segments of which may be anything.
    Template(PathTemplate),
}

impl PathMatch {
    /// The column that sets it.
    #[must_use]
    pub fn column(&self) -> &'static str {
        match self {
            Self::Exact(_) => "path_exact",
            Self::Prefix(_) => "path_prefix",
            Self::Regex(_) => "path_regex",
            Self::Template(_) => "path_template",
        }
    }

    /// The rule as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Exact(path) | Self::Prefix(path) => path.as_str(),
            Self::Regex(pattern) => pattern.as_str(),
            Self::Template(template) => template.as_str(),
        }
    }

    /// What tells it from other rules of its column: two that are equal match the same paths.
    #[must_use]
    pub fn shape(&self) -> &str {
        match self {
            Self::Template(template) => template.shape(),
            _ => self.as_str(),
        }
    }
}

/// A normalised absolute path (RFC 3986 section 3.3): no empty and no dot segments, no query.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(String);

impl Path {
    /// Parses a path.
    ///
    /// # Errors
    /// The reason why no normalised request could have it.
    pub fn parse(path: &str) -> Result<Self, String> {
        let refuse = |reason: &str| Err(format!("'{}' {reason}", path.escape_debug()));
        let Some(relative) = path.strip_prefix('/') else {
            return refuse("does not start with '/'");
        };
        if path.len() > MAX_LENGTH {
            return refuse("is longer than 2048 bytes");
        }
        if !has_only_path_characters(path) {
            return refuse("is not a path: only the characters of RFC 3986 section 3.3 can be in one");
        }
        if relative.contains("//") || relative.starts_with('/') {
            return refuse("has an empty segment, which normalisation removes from every request");
        }
        if relative.split('/').any(|segment| matches!(segment, "." | "..")) {
            return refuse("has a dot segment, which normalisation removes from every request");
        }
        if has_escaped_separator(path) {
            return refuse("has an escaped '/', '\\' or '.', which no request keeps");
        }
        Ok(Self(path.to_owned()))
    }

    /// A regular expression for it, with a slash after it or without, at the beginning of another path.
    #[must_use]
    pub fn beginning(&self) -> String {
        format!("^{}/?", Pattern::quote(&self.0))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Bytes; Envoy takes request heads of 60 KiB, so this is about sense rather than need.
const MAX_LENGTH: usize = 2048;

/// Whether it has `/`, `\` or `.` as an escape.
fn has_escaped_separator(path: &str) -> bool {
    let escape = |at| path.as_bytes().get(at..at + 3);
    let is_separator =
        |escape: &[u8]| [b"%2f", b"%5c", b"%2e"].iter().any(|bad| bad.eq_ignore_ascii_case(escape));
    path.match_indices('%').any(|(at, _)| escape(at).is_some_and(is_separator))
}

/// `pchar` and `/`, where each `%` begins an escape.
fn has_only_path_characters(path: &str) -> bool {
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let allowed = match byte {
            b'%' => {
                let mut hex = || bytes.next().is_some_and(|b| b.is_ascii_hexdigit());
                hex() && hex()
            }
            _ => byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte),
        };
        if !allowed {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_requests_can_have_are_taken() {
        for good in ["/", "/api", "/api/", "/a/b.json", "/a%20b", "/...", "/.well-known/x", "/a;v=1,(2)"] {
            assert_eq!(Path::parse(good).map(|path| path.0), Ok(good.to_owned()));
        }
    }

    #[test]
    fn paths_that_no_normalised_request_has_are_refused() {
        for bad in [
            "",
            "api",
            "*",
            "/a?b",
            "/a#b",
            "/a b",
            "/a\0",
            "/a\t",
            "/ä",
            "/a\\b",
            "//",
            "/a//b",
            "//a",
            "/./a",
            "/a/..",
            "/..",
            "/a%2Fb",
            "/%5c",
            "/%2e%2E/x",
            "/a%",
            "/a%g0",
            "/a%2",
        ] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
        assert!(Path::parse(&format!("/{}", "a".repeat(2048))).is_err());
    }
}
