//! Replacing the path that a route matches.

use envoy_types::pb::envoy::r#type::matcher::v3::RegexMatchAndSubstitute;

use crate::{model::PathMatch, translate::proto};

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
        PathMatch::Prefix(path) => path,
        // All of an exact path is replaced, and nothing of others: the model refuses that.
        PathMatch::Exact(_) | PathMatch::Regex(_) | PathMatch::Template(_) => {
            return Replacement::Prefix(with.to_owned());
        }
    };
    match (path.as_str().ends_with('/'), with.ends_with('/')) {
        (true, false) => Replacement::Prefix(format!("{with}/")),
        (false, true) => Replacement::Regex(RegexMatchAndSubstitute {
            pattern: Some(proto::regex(&path.beginning())),
            // RE2 takes a backslash for the beginning of a reference.
            substitution: with.replace('\\', "\\\\"),
        }),
        _ => Replacement::Prefix(with.to_owned()),
    }
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
