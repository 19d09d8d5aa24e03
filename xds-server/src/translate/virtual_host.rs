//! Which routes a host has, and in which order.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;

use super::canonical::VirtualHost;
use crate::model::{GatewayName, HostPattern, Route};

/// A route that is encoded, as one or several of Envoy's, and its place among routes of the same priority and host.
pub(super) struct Encoded<'a> {
    route: &'a Route,
    bytes: Arc<[Bytes]>,
    rank: usize,
}

/// Encodes routes, which come in the order of their names.
pub(super) fn encode_all<'a>(
    routes: impl Iterator<Item = &'a Arc<Route>>,
    mut encode: impl FnMut(&Arc<Route>) -> Arc<[Bytes]>,
) -> Vec<Encoded<'a>> {
    let mut routes: Vec<&Arc<Route>> = routes.collect();
    // Stable, so that the name makes the order total.
    routes.sort_by_cached_key(|route| route.precedence());
    let ranked = routes.into_iter().enumerate();
    ranked.map(|(rank, route)| Encoded { route, bytes: encode(route), rank }).collect()
}

/// The routes of a gateway by the host pattern that they name, from the most to the least specific pattern.
pub(super) type ByHost<'a> = BTreeMap<&'a HostPattern, Vec<&'a Encoded<'a>>>;

/// Sorts the routes of a gateway by host.
pub(super) fn by_host<'a>(routes: &'a [Encoded<'a>], gateway: &GatewayName) -> ByHost<'a> {
    let mut by_host = ByHost::new();
    for encoded in routes.iter().filter(|encoded| encoded.route.gateways.contains(gateway)) {
        for host in &encoded.route.hosts {
            by_host.entry(host).or_default().push(encoded);
        }
    }
    by_host
}

/// A virtual host with every route whose hosts cover its pattern: Envoy looks into the one most specific virtual host
/// only, so a route for `*` has to be in that for `a.example.com` too.
pub(super) fn of(host: &HostPattern, by_host: &ByHost<'_>) -> VirtualHost {
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
        routes: routes.into_iter().flat_map(|(_, encoded)| encoded.bytes.iter().cloned()).collect(),
    }
}

/// Envoy takes the first route that matches: by priority, then the most specific host, then as [`Route::precedence`] says.
/// `distance` grows as the host of the route gets less specific.
fn order(encoded: &Encoded<'_>, distance: usize) -> impl Ord + Copy + use<> {
    (Reverse(encoded.route.priority), distance, encoded.rank)
}

#[cfg(test)]
mod tests;
