//! Routes and their policies as one route configuration (RDS).

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use bytes::Bytes;
use envoy_types::pb::{
    envoy::{
        config::route::v3::{
            self as pb, FilterConfig, HeaderMatcher, RouteAction, RouteConfiguration, RouteMatch,
            VirtualHost, WeightedCluster, header_matcher::HeaderMatchSpecifier, route::Action,
            route_action::ClusterSpecifier, route_match::PathSpecifier, weighted_cluster::ClusterWeight,
        },
        r#type::matcher::v3::{RegexMatcher, StringMatcher, string_matcher::MatchPattern},
    },
    google::protobuf::Any,
};
use ferrox_policy::{auth, cache, identity, placement, rate_limit::Stage};
use serde::Serialize;

use super::{
    ROUTE_CONFIGURATION,
    canonical::{self, RouteMaps, Strings},
    filters, proto,
};
use crate::model::{HostPattern, Method, PathMatch, Policies, Route};

/// The route configuration of some routes, encoded.
pub(super) fn configuration<'a>(routes: impl Iterator<Item = &'a Route>) -> Bytes {
    let plain = RouteConfiguration { name: ROUTE_CONFIGURATION.to_owned(), ..RouteConfiguration::default() };
    let mut by_host: BTreeMap<&HostPattern, Vec<Encoded<'_>>> = BTreeMap::new();
    for route in routes {
        let encoded = encode(route);
        for host in &route.hosts {
            by_host.entry(host).or_default().push(Encoded { route, bytes: encoded.clone() });
        }
    }
    let hosts = by_host.keys().map(|host| virtual_host(host, &by_host)).collect();
    canonical::route_configuration(&plain, hosts)
}

struct Encoded<'a> {
    route: &'a Route,
    bytes: Bytes,
}

/// A virtual host with every route whose hosts cover its pattern: Envoy looks into the one most specific virtual host
/// only, so a route for `*` has to be in that for `a.example.com` too.
fn virtual_host(host: &HostPattern, by_host: &BTreeMap<&HostPattern, Vec<Encoded<'_>>>) -> Bytes {
    let plain =
        VirtualHost { name: host.to_string(), domains: vec![host.to_string()], ..VirtualHost::default() };
    let mut routes = Vec::new();
    let mut seen = BTreeSet::new();
    for (distance, pattern) in host.covering().iter().enumerate() {
        for encoded in by_host.get(pattern).into_iter().flatten() {
            // A route that has several of the patterns stands where the most specific one puts it.
            if seen.insert(&encoded.route.name) {
                routes.push((order(encoded.route, distance), encoded.bytes.clone()));
            }
        }
    }
    routes.sort_by(|(a, _), (b, _)| a.cmp(b));
    canonical::virtual_host(&plain, routes.into_iter().map(|(_, bytes)| bytes).collect())
}

/// Envoy takes the first route that matches. By priority, then the most specific host, an exact path before a prefix,
/// the longer path, methods before any method; the name makes the order total. `distance` grows as the
/// host of the route gets less specific.
fn order(route: &Route, distance: usize) -> impl Ord {
    let is_prefix = matches!(route.path, PathMatch::Prefix(_));
    (
        Reverse(route.priority),
        distance,
        is_prefix,
        Reverse(route.path.path().len()),
        route.methods.is_empty(),
        route.name.clone(),
    )
}

fn encode(route: &Route) -> Bytes {
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
    canonical::route(&plain, &policies(&route.policies))
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

/// Each filter's policy in its namespace of the metadata; a filter without one is switched off.
fn policies(policies: &Policies) -> RouteMaps {
    let rate_limit = |stage| policies.rate_limit.as_ref()?.at(stage).as_ref().map(json);
    let mut maps = RouteMaps::default();
    for filter in filters::chain() {
        let policy = match filter {
            auth::FILTER => policies.auth.as_ref().map(json),
            cache::FILTER => policies.cache.as_ref().map(json),
            _ => Stage::ALL.into_iter().find(|stage| stage.filter() == filter).and_then(rate_limit),
        };
        match policy {
            Some(json) => maps.metadata(filter, metadata(&json)),
            None => maps.filter_config(filter, switched_off()),
        }
    }
    maps
}

fn metadata(json: &str) -> Strings {
    Strings::from([(placement::POLICY, json), (placement::DIGEST, &placement::digest(json))])
}

/// Policies are structs of strings and numbers: they always serialize.
fn json(policy: &impl Serialize) -> String {
    serde_json::to_string(policy).unwrap_or_default()
}

fn switched_off() -> Any {
    proto::any(&FilterConfig { disabled: true, ..FilterConfig::default() })
}
