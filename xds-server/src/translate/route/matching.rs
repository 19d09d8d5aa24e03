//! Which requests a route matches.

use std::collections::BTreeSet;

use envoy_types::pb::envoy::{
    config::{
        core::v3::{RuntimeFractionalPercent, TypedExtensionConfig},
        route::v3::{
            HeaderMatcher, RouteMatch,
            header_matcher::HeaderMatchSpecifier,
            route_match::{GrpcRouteMatchOptions, PathSpecifier},
        },
    },
    extensions::path::r#match::uri_template::v3::UriTemplateMatchConfig,
    r#type::{
        matcher::v3::{StringMatcher, string_matcher::MatchPattern},
        v3::{FractionalPercent, fractional_percent::DenominatorType},
    },
};

use super::conditions;
use crate::{
    model::{Method, PathMatch, PathTemplate, Route, RouteName, Share},
    translate::proto,
};

/// The match of a route.
pub(super) fn of(route: &Route) -> RouteMatch {
    let conditions = &route.conditions;
    RouteMatch {
        path_specifier: Some(path(&route.path)),
        headers: method(&route.methods)
            .into_iter()
            .chain(conditions.headers.iter().map(conditions::header))
            .collect(),
        query_parameters: conditions.query.iter().map(conditions::query).collect(),
        grpc: conditions.grpc.then_some(GrpcRouteMatchOptions {}),
        runtime_fraction: conditions.share.map(|share| fraction(&route.name, share)),
        ..RouteMatch::default()
    }
}

fn path(path: &PathMatch) -> PathSpecifier {
    match path {
        PathMatch::Exact(path) => PathSpecifier::Path(path.as_str().to_owned()),
        // Envoy's prefix on segment boundaries does not take a path that ends with '/', and there is no other
        // boundary after one anyway.
        PathMatch::Prefix(path) if path.as_str().ends_with('/') => {
            PathSpecifier::Prefix(path.as_str().to_owned())
        }
        PathMatch::Prefix(path) => PathSpecifier::PathSeparatedPrefix(path.as_str().to_owned()),
        PathMatch::Regex(pattern) => PathSpecifier::SafeRegex(proto::regex(pattern.as_str())),
        PathMatch::Template(template) => PathSpecifier::PathMatchPolicy(uri_template(template)),
    }
}

fn uri_template(template: &PathTemplate) -> TypedExtensionConfig {
    let config = UriTemplateMatchConfig { path_template: template.as_str().to_owned() };
    TypedExtensionConfig {
        name: "envoy.path.match.uri_template.uri_template_matcher".to_owned(),
        typed_config: Some(proto::any(&config)),
    }
}

fn method(methods: &BTreeSet<Method>) -> Option<HeaderMatcher> {
    let mut names = methods.iter().map(Method::as_str);
    let pattern = match (names.next()?, names.next()) {
        (only, None) => MatchPattern::Exact(only.to_owned()),
        _ => MatchPattern::SafeRegex(proto::regex(&Method::any_of(methods))),
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

/// The key lets an operator set another share for one Envoy, in its runtime.
fn fraction(route: &RouteName, share: Share) -> RuntimeFractionalPercent {
    RuntimeFractionalPercent {
        runtime_key: format!("ferrox.route.{route}"),
        default_value: Some(FractionalPercent {
            numerator: share.millionths(),
            denominator: DenominatorType::Million.into(),
        }),
    }
}
