//! Which pages of other origins may read answers.

use std::collections::BTreeSet;

use envoy_types::pb::{
    envoy::{
        config::route::v3::{HeaderMatcher, Route, RouteMatch, header_matcher::HeaderMatchSpecifier},
        extensions::filters::http::cors::v3::CorsPolicy,
        r#type::matcher::v3::{RegexMatcher, StringMatcher, string_matcher::MatchPattern},
    },
    google::protobuf::{Any, BoolValue},
};

use crate::{
    model::{Cors, Method, Origin},
    translate::proto,
};

/// The configuration of the filter for a route of these methods.
pub(super) fn policy(cors: &Cors, methods: &BTreeSet<Method>) -> Any {
    proto::any(&CorsPolicy {
        allow_origin_string_match: cors.origins.iter().map(origin).collect(),
        allow_methods: allowed_methods(cors, methods),
        allow_headers: list(&cors.request_headers),
        expose_headers: list(&cors.expose_headers),
        max_age: cors.max_age_seconds.map(|seconds| seconds.to_string()).unwrap_or_default(),
        allow_credentials: Some(BoolValue { value: cors.credentials }),
        allow_private_network_access: Some(BoolValue { value: cors.private_network }),
        // Or one of a strange origin would come before auth, whose refusal tells a browser's user nothing.
        forward_not_matching_preflights: Some(BoolValue { value: false }),
        ..CorsPolicy::default()
    })
}

fn allowed_methods(cors: &Cors, methods: &BTreeSet<Method>) -> String {
    if !cors.methods.is_empty() {
        return list(&cors.methods);
    }
    if methods.is_empty() {
        return "GET, HEAD, POST, PUT, PATCH, DELETE".to_owned();
    }
    methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn origin(origin: &Origin) -> StringMatcher {
    let pattern = match origin {
        Origin::Any => MatchPattern::Exact("*".to_owned()),
        Origin::Exact(origin) => MatchPattern::Exact(origin.clone()),
        Origin::Subdomains(pattern) => MatchPattern::SafeRegex(proto::regex(pattern.as_str())),
    };
    matcher(pattern)
}

fn matcher(pattern: MatchPattern) -> StringMatcher {
    StringMatcher { match_pattern: Some(pattern), ..StringMatcher::default() }
}

/// The route that the preflights of a route take (WHATWG Fetch section 3.2.2). They are OPTIONS, which the route itself
/// may not serve, and have neither the headers nor the credentials of the request that they ask about.
///
/// It has the policies of the route all the same: the filter comes before them, and what it would not take for a preflight
/// must not pass them by.
pub(super) fn preflight(route: &Route) -> Route {
    let matched = route.r#match.clone().unwrap_or_default();
    let method = matched.headers.iter().find(|header| header.name == METHOD);
    let asked = match method {
        Some(method) => HeaderMatcher { name: ASKED_METHOD.to_owned(), ..method.clone() },
        None => is_there(ASKED_METHOD),
    };
    let options = HeaderMatcher {
        name: METHOD.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(matcher(MatchPattern::Exact(
            "OPTIONS".to_owned(),
        )))),
        ..HeaderMatcher::default()
    };
    Route {
        r#match: Some(RouteMatch { headers: vec![options, origin_is_there(), asked], ..matched }),
        ..route.clone()
    }
}

const METHOD: &str = ":method";
const ASKED_METHOD: &str = "access-control-request-method";

/// As the filter sees it, so that it answers whatever takes this route: an origin has no comma, and is not empty.
fn origin_is_there() -> HeaderMatcher {
    let origin = RegexMatcher { regex: "^[^,]+$".to_owned(), ..RegexMatcher::default() };
    HeaderMatcher {
        name: "origin".to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(matcher(MatchPattern::SafeRegex(
            origin,
        )))),
        ..HeaderMatcher::default()
    }
}

fn is_there(name: &str) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::PresentMatch(true)),
        ..HeaderMatcher::default()
    }
}
