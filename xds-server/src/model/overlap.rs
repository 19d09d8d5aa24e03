//! Routes between which nothing decides.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    GatewayName, HostPattern, Route, RouteName,
    problem::{Problem, RowCheck},
};

/// Where routes are equal: gateway, host, path (its column and shape) and priority.
type Place<'a> = (&'a GatewayName, &'a HostPattern, (&'static str, &'a str), i32);

/// Refuses two routes that match the same requests with the same right: a common gateway and host, the same path, the
/// same priority, a common method and the same conditions. A route for some methods goes before one for any, and one for a
/// share before one for all, so these may stand together. Two for a share may not, even if the shares differ: which
/// share is whose would depend on their names, and a change of a share could make the two equal.
pub(super) fn check(routes: &BTreeMap<RouteName, Arc<Route>>, problems: &mut Vec<Problem>) {
    let mut equals: HashMap<Place<'_>, Vec<&Route>> = HashMap::with_capacity(routes.len());
    let mut reported = BTreeSet::new();
    for route in routes.values() {
        let path = (route.path.column(), route.path.shape());
        let places =
            route.gateways.iter().flat_map(|gateway| route.hosts.iter().map(move |host| (gateway, host)));
        for (gateway, host) in places {
            let earlier = equals.entry((gateway, host, path, route.priority)).or_default();
            for other in earlier.iter().filter(|other| are_equal(other, route)) {
                if reported.insert((&other.name, &route.name)) {
                    refuse(other, route, host, problems);
                }
            }
            earlier.push(route);
        }
    }
}

fn are_equal(a: &Route, b: &Route) -> bool {
    shares_method(a, b) && a.conditions.is_like(&b.conditions)
}

fn shares_method(a: &Route, b: &Route) -> bool {
    match (a.methods.is_empty(), b.methods.is_empty()) {
        (true, true) => true,
        (false, false) => !a.methods.is_disjoint(&b.methods),
        _ => false,
    }
}

fn refuse(first: &Route, second: &Route, host: &HostPattern, problems: &mut Vec<Problem>) {
    let reason = format!(
        "'{}' on host '{host}' is matched by route '{}' too, with a common method, the same conditions and the same priority",
        second.path.as_str(),
        first.name
    );
    RowCheck::new("routes", &second.name, problems).refuse(second.path.column(), reason);
}

#[cfg(test)]
mod tests;
