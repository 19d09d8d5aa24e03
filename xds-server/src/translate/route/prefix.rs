//! Replacing the path that a route matches.

use envoy_types::pb::envoy::r#type::matcher::v3::{RegexMatchAndSubstitute, RegexMatcher};

use crate::model::PathMatch;

/// How Envoy is told to replace a path.
pub(super) enum Replacement {
    /// What was matched, by this.
    Prefix(String),
    /// What this says.
    Regex(RegexMatchAndSubstitute),
}

/// Replaces the segments that a route matches by others. Envoy replaces characters: without care `/api/x` would become
/// `//x` where `/api` becomes `/`, and `/v2x` where `/api/` becomes `/v2`.
pub(super) fn replace(matched: &PathMatch, with: &str) -> Replacement {
    let path = match matched {
        PathMatch::Exact(_) => return Replacement::Prefix(with.to_owned()),
        PathMatch::Prefix(_) => matched.path(),
    };
    match (path.ends_with('/'), with.ends_with('/')) {
        (true, false) => Replacement::Prefix(format!("{with}/")),
        (false, true) => Replacement::Regex(RegexMatchAndSubstitute {
            pattern: Some(RegexMatcher { regex: format!("^{}/?", quote(path)), ..RegexMatcher::default() }),
            // RE2 takes a backslash for the beginning of a reference.
            substitution: with.replace('\\', "\\\\"),
        }),
        _ => Replacement::Prefix(with.to_owned()),
    }
}

/// Text as a regular expression that matches it alone.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if !character.is_ascii_alphanumeric() && character != '/' {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Path;

    /// `prefix` for a plain replacement, `regex -> substitution` for another.
    fn replaced(path: &str, with: &str) -> String {
        match replace(&PathMatch::Prefix(Path::parse(path).unwrap()), with) {
            Replacement::Prefix(prefix) => prefix,
            Replacement::Regex(regex) => {
                format!("{} -> {}", regex.pattern.unwrap().regex, regex.substitution)
            }
        }
    }

    #[test]
    fn segments_stay_whole() {
        assert_eq!(replaced("/api", "/v2"), "/v2");
        assert_eq!(replaced("/api/", "/v2"), "/v2/");
        assert_eq!(replaced("/", "/v2"), "/v2/");
        assert_eq!(replaced("/api", "/"), "^/api/? -> /");
        assert_eq!(replaced("/a.b", r"/\1/"), r"^/a\.b/? -> /\\1/");
    }
}
