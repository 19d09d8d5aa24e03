//! Which requests a route matches.

use std::collections::BTreeSet;

use envoy_types::pb::envoy::{
    config::route::v3::{
        HeaderMatcher, RouteMatch, header_matcher::HeaderMatchSpecifier, route_match::PathSpecifier,
    },
    r#type::matcher::v3::{RegexMatcher, StringMatcher, string_matcher::MatchPattern},
};

use crate::model::{Method, PathMatch, Route};

/// The match of a route.
pub(super) fn of(route: &Route) -> RouteMatch {
    RouteMatch {
        path_specifier: Some(path(&route.path)),
        headers: method(&route.methods).into_iter().collect(),
        ..RouteMatch::default()
    }
}

fn path(path: &PathMatch) -> PathSpecifier {
    match path {
        PathMatch::Exact(_) => PathSpecifier::Path(path.path().to_owned()),
        // Envoy's prefix on segment boundaries does not take a path that ends with '/', and there is no other
        // boundary after one anyway.
        PathMatch::Prefix(_) if path.path().ends_with('/') => PathSpecifier::Prefix(path.path().to_owned()),
        PathMatch::Prefix(_) => PathSpecifier::PathSeparatedPrefix(path.path().to_owned()),
    }
}

fn method(methods: &BTreeSet<Method>) -> Option<HeaderMatcher> {
    let mut names = methods.iter().map(Method::as_str);
    let pattern = match (names.next()?, names.next()) {
        (only, None) => MatchPattern::Exact(only.to_owned()),
        // Methods are letters and hyphens, so nothing is to be escaped.
        _ => MatchPattern::SafeRegex(RegexMatcher {
            regex: format!("^(?:{})$", methods.iter().map(Method::as_str).collect::<Vec<_>>().join("|")),
            ..RegexMatcher::default()
        }),
    };
    Some(HeaderMatcher {
        name: ":method".to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(StringMatcher {
            match_pattern: Some(pattern),
            ..StringMatcher::default()
        })),
        ..HeaderMatcher::default()
    })
}
