//! Which of two routes is tried first.

use std::cmp::Reverse;

use super::{PathMatch, Route};

impl Route {
    /// The place of the route among those of the same priority and host, the first first: by its path, then a route for some
    /// methods before one for any, then by how many headers and then parameters it asks for, more before fewer, then a
    /// share before all. What is left is decided by the name. The order is that of the Gateway API, which leaves open where
    /// regular expressions and templates stand.
    #[must_use]
    pub fn precedence(&self) -> impl Ord + use<> {
        let conditions = &self.conditions;
        (
            by_path(&self.path),
            self.methods.is_empty(),
            // What makes a call gRPC is a header.
            Reverse(conditions.headers.len() + usize::from(conditions.grpc)),
            Reverse(conditions.query.len()),
            conditions.share.is_none(),
        )
    }
}

/// A path that is one, then one whose segments are counted, then any that a regular expression takes, then all that begins
/// alike; and of each kind the longest text first.
fn by_path(path: &PathMatch) -> impl Ord + use<> {
    match path {
        PathMatch::Exact(path) => (Kind::Exact, Reverse(path.as_str().len())),
        PathMatch::Template(template) => {
            let kind = if template.is_open() { Kind::Open } else { Kind::Segments };
            (kind, Reverse(template.literal_length()))
        }
        PathMatch::Regex(pattern) => (Kind::Regex, Reverse(pattern.as_str().len())),
        PathMatch::Prefix(path) => (Kind::Open, Reverse(path.as_str().len())),
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Exact,
    Segments,
    Regex,
    Open,
}
