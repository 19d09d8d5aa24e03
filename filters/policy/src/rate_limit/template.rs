//! Paths of which some segments tell requests apart.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{Check, Invalid};

/// A path of which some segments may be anything: `{name}` tells requests apart, `*` does not, and `**` at the end stands for any
/// number of segments that do not. So `/users/*` counts all users together, and `/users/{id}/**` each by itself, whatever is
/// asked of it. Paths of another form count together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct PathTemplate(String);

/// Longest template in bytes.
const LONGEST: usize = 256;

impl PathTemplate {
    /// The template as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments of a path at the places with a name; `None` for a path of another form.
    #[must_use]
    pub fn find<S: AsRef<[u8]>>(&self, path: &[S]) -> Option<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        let mut path = path.iter().map(AsRef::as_ref);
        for segment in self.segments() {
            if segment == "**" {
                return Some(found);
            }
            let actual: &[u8] = path.next()?;
            if name(segment).is_some() {
                found.push(actual.to_vec());
            } else if segment != "*" && segment.as_bytes() != actual {
                return None;
            }
        }
        path.next().is_none().then_some(found)
    }

    fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').skip(1)
    }
}

fn name(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

impl Check for PathTemplate {
    fn check(&self) -> Result<(), Invalid> {
        let refuse = |reason: String| Err(Invalid::new("", reason));
        if !self.0.starts_with('/') || self.0.len() > LONGEST {
            return refuse(format!("must start with '/' and be at most {LONGEST} bytes"));
        }
        let mut names = HashSet::new();
        let mut segments = self.segments().peekable();
        while let Some(segment) = segments.next() {
            match name(segment) {
                _ if segment == "**" && segments.peek().is_some() => {
                    return refuse("has something after '**', which stands for all that follows".to_owned());
                }
                _ if segment == "*" || segment == "**" => {}
                Some(name) if !is_name(name) => {
                    return refuse(format!("has '{segment}', whose name must be letters, digits and '_'"));
                }
                Some(name) if !names.insert(name) => return refuse(format!("names '{name}' twice")),
                None if segment.contains(['*', '{', '}', '?', '#', '%']) => {
                    return refuse(format!("has '{segment}', which is neither text nor a whole place"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(template: &str, path: &str) -> Option<Vec<String>> {
        let template = PathTemplate(template.to_owned());
        template.check().unwrap();
        let segments: Vec<_> = path.split('/').skip(1).collect();
        let found = template.find(&segments)?;
        Some(found.into_iter().map(|segment| String::from_utf8(segment).unwrap()).collect())
    }

    #[test]
    fn places_with_a_name_are_found_and_others_do_not_matter() {
        for (template, path, segments) in [
            ("/users/{id}", "/users/1", Some(&["1"][..])),
            ("/users/*", "/users/1", Some(&[])),
            ("/users/{id}/*/{b}", "/users/1/x/2", Some(&["1", "2"])),
            ("/users/{id}/**", "/users/1", Some(&["1"])),
            ("/users/{id}/**", "/users/1/a/b", Some(&["1"])),
            ("/**", "/", Some(&[])),
            ("/", "/", Some(&[])),
            ("/users/{id}", "/users", None),
            ("/users/{id}", "/users/1/2", None),
            ("/users/{id}", "/Users/1", None),
        ] {
            let segments = segments.map(|it| it.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
            assert_eq!(found(template, path), segments, "{template} {path}");
        }
    }

    #[test]
    fn a_template_that_makes_no_sense_is_refused() {
        for (template, refusal) in [
            ("users", "must start with '/'"),
            ("/**/a", "has something after '**'"),
            ("/{}", "has '{}', whose name must be"),
            ("/{a b}", "has '{a b}', whose name must be"),
            ("/{a}/{a}", "names 'a' twice"),
            ("/a*", "has 'a*', which is neither"),
            ("/{a", "has '{a', which is neither"),
            ("/a?b", "has 'a?b', which is neither"),
            ("/%61", "has '%61', which is neither"),
        ] {
            let refused = PathTemplate(template.to_owned()).check().unwrap_err();
            assert!(refused.reason.starts_with(refusal), "{template}: {refused}");
        }
    }
}
