//! Routes between which nothing decides.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    GatewayName, HostPattern, PathMatch, Route, RouteName,
    problem::{Problem, RowCheck},
};

/// Where routes are equal: gateway, host, path and priority.
type Place<'a> = (&'a GatewayName, &'a HostPattern, &'a PathMatch, i32);

/// Refuses two routes that match the same requests with the same right: a common gateway and host, the same path, the
/// same priority and a common method. A route for some methods goes before one for any, so these two may stand
/// together.
pub(super) fn check(routes: &BTreeMap<RouteName, Arc<Route>>, problems: &mut Vec<Problem>) {
    let mut equals: HashMap<Place<'_>, Vec<&Route>> = HashMap::with_capacity(routes.len());
    let mut reported = BTreeSet::new();
    for route in routes.values() {
        let places =
            route.gateways.iter().flat_map(|gateway| route.hosts.iter().map(move |host| (gateway, host)));
        for (gateway, host) in places {
            let earlier = equals.entry((gateway, host, &route.path, route.priority)).or_default();
            for other in earlier.iter().filter(|other| shares_method(other, route)) {
                if reported.insert((&other.name, &route.name)) {
                    refuse(other, route, host, problems);
                }
            }
            earlier.push(route);
        }
    }
}

fn shares_method(a: &Route, b: &Route) -> bool {
    match (a.methods.is_empty(), b.methods.is_empty()) {
        (true, true) => true,
        (false, false) => !a.methods.is_disjoint(&b.methods),
        _ => false,
    }
}

fn refuse(first: &Route, second: &Route, host: &HostPattern, problems: &mut Vec<Problem>) {
    let field = match second.path {
        PathMatch::Exact(_) => "path_exact",
        PathMatch::Prefix(_) => "path_prefix",
    };
    let reason = format!(
        "'{}' on host '{host}' is matched by route '{}' too, with a common method and the same priority",
        second.path.path(),
        first.name
    );
    RowCheck::new("routes", &second.name, problems).refuse(field, reason);
}
