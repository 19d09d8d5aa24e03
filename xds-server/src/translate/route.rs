//! Routes and their policies as one route configuration (RDS).

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashSet},
};

use bytes::Bytes;
use envoy_types::pb::envoy::{
    config::route::v3::{
        self as pb, HeaderMatcher, RouteAction, RouteConfiguration, RouteMatch, WeightedCluster,
        header_matcher::HeaderMatchSpecifier, route::Action, route_action::ClusterSpecifier,
        route_match::PathSpecifier, weighted_cluster::ClusterWeight,
    },
    r#type::matcher::v3::{RegexMatcher, StringMatcher, string_matcher::MatchPattern},
};
use ferrox_policy::identity;

use super::{
    ROUTE_CONFIGURATION,
    canonical::{self, VirtualHost},
    policies::PolicyMaps,
    proto,
};
use crate::model::{GatewayName, HostPattern, Method, Model, PathMatch, Policies, Route};

/// A route that is encoded once, for every virtual host of every gateway that it is part of.
pub(super) struct Encoded<'a> {
    route: &'a Route,
    bytes: Bytes,
    /// Its place among routes of the same priority and host.
    rank: usize,
}

/// Every route of a model.
pub(super) fn encode_all(model: &Model) -> Vec<Encoded<'_>> {
    let mut routes: Vec<&Route> = model.routes().collect();
    routes.sort_by(|a, b| by_path(a).cmp(&by_path(b)));
    let mut maps = PolicyMaps::new();
    let ranked = routes.into_iter().enumerate();
    ranked.map(|(rank, route)| Encoded { route, bytes: encode(route, &mut maps), rank }).collect()
}

/// An exact path before a prefix, the longer path, methods before any method; the name makes the order total.
fn by_path(route: &Route) -> impl Ord {
    let is_prefix = matches!(route.path, PathMatch::Prefix(_));
    (is_prefix, Reverse(route.path.path().len()), route.methods.is_empty(), &route.name)
}

/// The route configuration of a gateway, encoded.
pub(super) fn configuration(routes: &[Encoded<'_>], gateway: &GatewayName) -> Bytes {
    let plain = RouteConfiguration { name: ROUTE_CONFIGURATION.to_owned(), ..RouteConfiguration::default() };
    let mut by_host: ByHost<'_> = BTreeMap::new();
    for encoded in routes.iter().filter(|encoded| encoded.route.gateways.contains(gateway)) {
        for host in &encoded.route.hosts {
            by_host.entry(host).or_default().push(encoded);
        }
    }
    let hosts = by_host.keys().map(|host| virtual_host(host, &by_host)).collect();
    canonical::route_configuration(&plain, hosts)
}

type ByHost<'a> = BTreeMap<&'a HostPattern, Vec<&'a Encoded<'a>>>;

/// A virtual host with every route whose hosts cover its pattern: Envoy looks into the one most specific virtual host
/// only, so a route for `*` has to be in that for `a.example.com` too.
fn virtual_host(host: &HostPattern, by_host: &ByHost<'_>) -> VirtualHost {
    let mut routes = Vec::new();
    let mut seen = HashSet::new();
    for (distance, pattern) in host.covering().iter().enumerate() {
        for encoded in by_host.get(pattern).into_iter().flatten() {
            // A route that has several of the patterns stands where the most specific one puts it.
            if encoded.route.hosts.len() == 1 || seen.insert(encoded.rank) {
                routes.push((order(encoded, distance), encoded));
            }
        }
    }
    routes.sort_unstable_by_key(|(order, _)| *order);
    VirtualHost {
        name: host.to_string(),
        domains: vec![host.to_string()],
        routes: routes.into_iter().map(|(_, encoded)| encoded.bytes.clone()).collect(),
    }
}

/// Envoy takes the first route that matches: by priority, then the most specific host, then as [`by_path`] says.
/// `distance` grows as the host of the route gets less specific.
fn order(encoded: &Encoded<'_>, distance: usize) -> impl Ord + Copy + use<> {
    (Reverse(encoded.route.priority), distance, encoded.rank)
}

fn encode(route: &Route, maps: &mut PolicyMaps) -> Bytes {
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
