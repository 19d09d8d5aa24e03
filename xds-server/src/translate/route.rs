//! One route, with its policies.

use std::collections::BTreeSet;

use bytes::Bytes;
use envoy_types::pb::envoy::{
    config::route::v3::{
        self as pb, HeaderMatcher, RouteAction, RouteMatch, WeightedCluster,
        header_matcher::HeaderMatchSpecifier, route::Action, route_action::ClusterSpecifier,
        route_match::PathSpecifier, weighted_cluster::ClusterWeight,
    },
    r#type::matcher::v3::{RegexMatcher, StringMatcher, string_matcher::MatchPattern},
};
use ferrox_policy::identity;

use super::{canonical, policies::PolicyMaps, proto};
use crate::model::{Method, PathMatch, Policies, Route};

/// A route, encoded: it is the same in every virtual host of every gateway that it is part of.
pub(super) fn encode(route: &Route, maps: &mut PolicyMaps) -> Bytes {
    let plain = pb::Route {
        name: route.name.to_string(),
        r#match: Some(RouteMatch {
            path_specifier: Some(path(&route.path)),
            headers: method(&route.methods).into_iter().collect(),
            ..RouteMatch::default()
        }),
        action: Some(Action::Route(RouteAction {
            cluster_specifier: Some(clusters(route)),
            timeout: proto::duration(route.timeout),
            ..RouteAction::default()
        })),
        request_headers_to_remove: headers_to_remove(&route.policies),
        ..pb::Route::default()
    };
    canonical::route(&plain, &maps.of(&route.policies))
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

fn clusters(route: &Route) -> ClusterSpecifier {
    let mut names = route.targets.keys();
    if let (Some(only), None) = (names.next(), names.next()) {
        return ClusterSpecifier::Cluster(only.to_string());
    }
    let weight = |(name, weight): (&crate::model::UpstreamName, &std::num::NonZeroU32)| ClusterWeight {
        name: name.to_string(),
        weight: proto::number(weight.get()),
        ..ClusterWeight::default()
    };
    ClusterSpecifier::WeightedClusters(WeightedCluster {
        clusters: route.targets.iter().map(weight).collect(),
        ..WeightedCluster::default()
    })
}

/// Where no auth filter does it, Envoy removes what only auth may say.
fn headers_to_remove(policies: &Policies) -> Vec<String> {
    match policies.auth {
        Some(_) => Vec::new(),
        None => identity::header::ALL.map(str::to_owned).to_vec(),
    }
}
