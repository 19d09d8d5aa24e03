//! Paths of which some segments are captured.

use std::collections::BTreeSet;

use super::Path;

/// A path of which some segments may be anything, as Envoy's URI templates write it: `/users/{id}`, and `/files/{rest=**}` for
/// any number of segments at the end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathTemplate {
    text: String,
    shape: String,
}

/// Envoy's bounds: characters of a template, captures in one, and characters of a capture's name.
const MAX_LENGTH: usize = 256;
const MAX_CAPTURES: usize = 5;
const MAX_NAME: usize = 16;

impl PathTemplate {
    /// Parses a template.
    ///
    /// # Errors
    /// The reason why Envoy would not take it or no request could match it.
    pub fn parse(template: &str) -> Result<Self, String> {
        let refuse = |reason: String| Err(format!("'{}' {reason}", template.escape_debug()));
        if template.len() > MAX_LENGTH {
            return Err(format!("is longer than {MAX_LENGTH} bytes"));
        }
        let mut names = BTreeSet::new();
        let mut shape = Vec::new();
        for segment in template.split('/') {
            if shape.last() == Some(&REST) {
                return refuse("has something after '=**}', which takes all that follows".to_owned());
            }
            let Some((name, stands_for)) = capture(segment) else {
                if segment.contains(['*', '{', '}']) {
                    return refuse(format!(
                        "has '{}', which is neither text nor a whole segment such as {{name}} or {{name=**}}",
                        segment.escape_debug()
                    ));
                }
                shape.push(segment);
                continue;
            };
            if let Err(reason) = check_name(name) {
                return refuse(reason);
            }
            if !names.insert(name) {
                return refuse(format!("captures '{name}' twice"));
            }
            shape.push(stands_for);
        }
        if !(1..=MAX_CAPTURES).contains(&names.len()) {
            return refuse(format!("captures {} segments: 1 to {MAX_CAPTURES} can be", names.len()));
        }
        let shape = shape.join("/");
        // '*' is a character of paths, so the rest has to be right.
        Path::parse(&shape)?;
        Ok(Self { text: template.to_owned(), shape })
    }

    /// The template as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The template without the names of its captures: two of the same shape match the same paths.
    #[must_use]
    pub fn shape(&self) -> &str {
        &self.shape
    }

    /// The names of what it captures.
    pub fn captures(&self) -> impl Iterator<Item = &str> {
        self.text.split('/').filter_map(capture).map(|(name, _)| name)
    }

    /// Whether it ends in any number of segments.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shape.ends_with(REST)
    }

    /// Characters that are not captured.
    #[must_use]
    pub fn literal_length(&self) -> usize {
        self.shape.bytes().filter(|byte| *byte != b'*').count()
    }
}

/// What a capture looks like in the shape.
const SEGMENT: &str = "*";
const REST: &str = "**";

/// The name of what a segment captures, and what the capture looks like in the shape.
fn capture(segment: &str) -> Option<(&str, &'static str)> {
    let inner = segment.strip_prefix('{')?.strip_suffix('}')?;
    Some(inner.strip_suffix("=**").map_or((inner, SEGMENT), |name| (name, REST)))
}

fn check_name(name: &str) -> Result<(), String> {
    let allowed = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    if !allowed || !starts || name.len() > MAX_NAME {
        return Err(format!(
            "has '{{{}}}': a name is 1 to {MAX_NAME} of a-z, A-Z, 0-9 and '_', and begins with a letter",
            name.escape_debug()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_told_by_their_shape() {
        for (text, shape, length) in [
            ("/users/{id}", "/users/*", 7),
            ("/users/{id}/orders/{order}", "/users/*/orders/*", 15),
            ("/{a}/{b}/{c}/{d}/{rest=**}", "/*/*/*/*/**", 5),
            ("/files/{rest=**}", "/files/**", 7),
            ("/a/{b}/", "/a/*/", 4),
            ("/a/{b_1}", "/a/*", 3),
        ] {
            let template = PathTemplate::parse(text).unwrap();
            assert_eq!((template.as_str(), template.shape()), (text, shape));
            assert_eq!(template.literal_length(), length, "{text}");
            assert_eq!(template.is_open(), text.contains("**"));
            assert_eq!(template.captures().count(), text.matches('{').count());
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for (bad, why) in [
            ("/users", "captures 0 segments"),
            ("/{a}/{b}/{c}/{d}/{e}/{f}", "captures 6 segments"),
            ("/{a}/{a}", "captures 'a' twice"),
            ("/{rest=**}/a", "after '=**}'"),
            ("/{a=**}/{b=**}", "after '=**}'"),
            ("/a/*", "neither text nor a whole segment"),
            ("/a/**/{b}", "neither text"),
            ("/v{a}", "neither text"),
            ("/{a}.json", "neither text"),
            ("/{a}{b}", "a name is 1 to 16"),
            ("/{a=*}", "a name is"),
            ("/{a=b/*}", "neither text"),
            ("/{}", "a name is"),
            ("/{1}", "a name is"),
            ("/{_a}", "a name is"),
            ("/{a-b}", "a name is"),
            ("/{abcdefghijklmnopq}", "a name is"),
            ("/{a", "neither text"),
            ("/{a}?b", "neither text"),
            ("/a?b/{c}", "is not a path"),
            ("/a//{b}", "an empty segment"),
            ("/../{b}", "a dot segment"),
            ("{a}", "does not start with '/'"),
            ("", "captures 0"),
        ] {
            let reason = PathTemplate::parse(bad).unwrap_err();
            assert!(reason.contains(why), "{bad}: {reason}");
        }
        assert!(PathTemplate::parse(&format!("/{{a}}/{}", "b".repeat(256))).is_err());
    }
}
