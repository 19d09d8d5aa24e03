//! Which requests go where, and what holds for them.

mod action;
mod compression;
mod cors;
mod hash;
mod headers;
mod mirrors;
mod path;
mod redirect;
mod references;
mod replacement;
mod response;
mod retry;
mod rewrite;
mod targets;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use self::action::Upstreams;
pub(super) use self::references::References;
pub use self::{
    action::{Action, Forward, Upgrade},
    compression::{Algorithm, Compression},
    cors::{Cors, Origin},
    hash::HashKey,
    headers::HeaderChanges,
    redirect::{Redirect, RedirectPath, RedirectStatus, Scheme},
    response::{Maintenance, Response},
    retry::{BackOff, Retry, RetryOn},
    rewrite::{HostRewrite, PathRewrite, Rewrite},
};
use super::{
    Conditions, GatewayName, HostPattern, Method, PathMatch, Pattern, Policies, RouteName, Sharding,
    UpstreamName, policies,
    problem::{Problem, RowCheck},
    selection::Selection,
};
use crate::store::RouteRow;
use ferrox_policy::Check;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub name: RouteName,
    /// The hosts that it serves, at least one.
    pub hosts: BTreeSet<HostPattern>,
    /// The paths that it serves.
    pub path: PathMatch,
    /// The methods that it serves; none: any.
    pub methods: BTreeSet<Method>,
    /// What else a request must have.
    pub conditions: Conditions,
    /// Routes of higher priority are tried first, whatever they match.
    pub priority: i32,
    /// What becomes of its requests.
    pub action: Action,
    /// What Envoy answers instead for now.
    pub maintenance: Option<Maintenance>,
    /// What holds for its requests.
    pub policies: Policies,
    /// Changes of the headers that the client gets.
    pub response_headers: HeaderChanges,
    /// How answers are compressed.
    pub compression: Option<Compression>,
    /// The gateways that it is part of, at least one.
    pub gateways: BTreeSet<GatewayName>,
}

impl Route {
    /// The upstreams that its requests go to, or copies of them; also while it is in maintenance, so that they are ready
    /// when it ends.
    pub fn upstreams(&self) -> impl Iterator<Item = &UpstreamName> {
        self.action
            .forward()
            .into_iter()
            .flat_map(|forward| forward.targets.keys().chain(forward.mirrors.keys()))
    }
}

const TABLE: &str = "routes";

pub(super) fn parse_all(
    rows: &Selection<'_>,
    references: &References<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<RouteName, Arc<Route>> {
    let known: HashSet<&str> = rows.routes.iter().map(|row| row.name.as_str()).collect();
    let mut policies = policies::parse_all(rows, &known, references, problems);
    let mut targets = targets::parse_all(rows, &known, references, problems);
    let mut mirrors = mirrors::parse_all(rows, &known, references, problems);
    let mut routes = Vec::with_capacity(rows.routes.len());
    let mut seen = HashSet::with_capacity(rows.routes.len());
    for row in &rows.routes {
        let mut check = RowCheck::new(TABLE, &row.name, problems);
        if !seen.insert(row.name.as_str()) {
            check.refuse("name", "stands twice");
            continue;
        }
        let policies = policies.remove(row.name.as_str()).unwrap_or_default();
        let upstreams = Upstreams {
            targets: targets.remove(row.name.as_str()),
            mirrors: mirrors.remove(row.name.as_str()).unwrap_or_default(),
        };
        let route = parse(row, upstreams, policies, references, &mut check);
        // One that is switched off must be in order too, so that it can be switched on.
        if let Some(route) = route.filter(|_| row.enabled) {
            routes.push((route.name.clone(), Arc::new(route)));
        }
    }
    routes.into_iter().collect()
}

fn parse(
    row: &RouteRow,
    upstreams: Upstreams,
    policies: Policies,
    references: &References<'_>,
    check: &mut RowCheck<'_>,
) -> Option<Route> {
    let name = check.keep("name", RouteName::parse(&row.name));
    let hosts = check.set("hosts", &row.hosts, HostPattern::parse);
    if row.hosts.is_empty() {
        check.refuse("hosts", "needs at least one host; '*' is any");
    }
    let (path, conditions) = path::parse(row, check);
    let methods = parse_methods(row, check);
    let gateways = check.set("gateways", &row.gateways, |name| references.gateway(name));
    if row.gateways.is_empty() {
        check.refuse("gateways", "needs at least one gateway");
    }
    check_sharding(&hosts, &gateways, references, check);
    let action = action::parse(row, upstreams, check);
    if let (Some(path), Some(action)) = (&path, &action) {
        replacement::check(path, action, check);
    }
    let maintenance = document("maintenance", row.maintenance.as_ref(), check);
    let response_headers = document("response_headers", row.response_headers.as_ref(), check);
    let compression = document("compression", row.compression.as_ref(), check);
    Some(Route {
        name: name?,
        hosts,
        path: path?,
        methods,
        conditions: conditions?,
        priority: row.priority,
        action: action?,
        maintenance,
        policies,
        response_headers: response_headers.unwrap_or_default(),
        compression,
        gateways,
    })
}

fn parse_methods(row: &RouteRow, check: &mut RowCheck<'_>) -> BTreeSet<Method> {
    let methods = check.set("methods", &row.methods, Method::parse);
    if methods.len() > 1 {
        // Envoy takes several as a regular expression only, and that has to be one that it takes.
        check.keep("methods", Pattern::parse(&Method::any_of(&methods)));
    }
    methods
}

/// A document that may be absent; so is one that was refused, which is noted.
fn document<T: DeserializeOwned + Check>(
    column: &str,
    json: Option<&Value>,
    check: &mut RowCheck<'_>,
) -> Option<T> {
    check.document(column, json?)
}

/// A gateway that shards by host looks up a request by its whole host, so no pattern would ever be found.
fn check_sharding(
    hosts: &BTreeSet<HostPattern>,
    gateways: &BTreeSet<GatewayName>,
    references: &References<'_>,
    check: &mut RowCheck<'_>,
) {
    let sharding =
        |gateway: &&GatewayName| references.sharding.get(gateway.as_str()) == Some(&Sharding::Host);
    let Some(gateway) = gateways.iter().find(sharding) else { return };
    for host in hosts.iter().filter(|host| !host.is_exact()) {
        let reason = format!("'{host}' is no exact host, as gateway '{gateway}' needs, which shards by host");
        check.refuse("hosts", reason);
    }
}
