//! The rows that are to be parsed: all, or those of the upstreams and routes that have changed.

use std::collections::BTreeSet;

use crate::store::{
    EndpointRow, RouteMirrorRow, RoutePolicyRow, RouteRow, RouteUpstreamRow, Rows, UpstreamRow,
};

/// Rows of upstreams and routes, each list in the order of its table.
#[derive(Default)]
pub(super) struct Selection<'a> {
    pub(super) upstreams: Vec<&'a UpstreamRow>,
    pub(super) endpoints: Vec<&'a EndpointRow>,
    pub(super) routes: Vec<&'a RouteRow>,
    pub(super) route_upstreams: Vec<&'a RouteUpstreamRow>,
    pub(super) route_mirrors: Vec<&'a RouteMirrorRow>,
    pub(super) route_policies: Vec<&'a RoutePolicyRow>,
}

impl<'a> Selection<'a> {
    pub(super) fn all(rows: &'a Rows) -> Self {
        Self {
            upstreams: rows.upstreams.iter().collect(),
            endpoints: rows.endpoints.iter().collect(),
            routes: rows.routes.iter().collect(),
            route_upstreams: rows.route_upstreams.iter().collect(),
            route_mirrors: rows.route_mirrors.iter().collect(),
            route_policies: rows.route_policies.iter().collect(),
        }
    }

    /// The rows of these upstreams and of these routes.
    pub(super) fn of(rows: &'a Rows, upstreams: &BTreeSet<String>, routes: &BTreeSet<String>) -> Self {
        Self {
            upstreams: select(&rows.upstreams, upstreams, |row| &row.name),
            endpoints: select(&rows.endpoints, upstreams, |row| &row.upstream),
            routes: select(&rows.routes, routes, |row| &row.name),
            route_upstreams: select(&rows.route_upstreams, routes, |row| &row.route),
            route_mirrors: select(&rows.route_mirrors, routes, |row| &row.route),
            route_policies: select(&rows.route_policies, routes, |row| &row.route),
        }
    }
}

fn select<'a, T>(rows: &'a [T], names: &BTreeSet<String>, name: impl Fn(&T) -> &String) -> Vec<&'a T> {
    // Mostly there is nothing to look for, and then nobody has to look.
    if names.is_empty() {
        return Vec::new();
    }
    rows.iter().filter(|row| names.contains(name(row))).collect()
}
