//! Which requests go where, and what holds for them.

mod references;
mod targets;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

pub(super) use self::references::References;
use self::targets::Targets;
use super::{
    GatewayName, HostPattern, Method, Path, PathMatch, Policies, RouteName, Sharding, UpstreamName, policies,
    problem::{Problem, RowCheck},
    selection::Selection,
};
use crate::store::RouteRow;

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
    /// How long a whole answer may take: 1 ms to 1 h.
    pub timeout: Duration,
    /// Routes of higher priority are tried first, whatever they match.
    pub priority: i32,
    /// Where its requests go, by weight; at least one. An upstream of weight 0 is left out.
    pub targets: BTreeMap<UpstreamName, NonZeroU32>,
    /// What holds for its requests.
    pub policies: Policies,
    /// The gateways that it is part of, at least one.
    pub gateways: BTreeSet<GatewayName>,
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
    let mut routes = Vec::with_capacity(rows.routes.len());
    let mut seen = HashSet::with_capacity(rows.routes.len());
    for row in &rows.routes {
        let mut check = RowCheck::new(TABLE, &row.name, problems);
        if !seen.insert(row.name.as_str()) {
            check.refuse("name", "stands twice");
            continue;
        }
        let policies = policies.remove(row.name.as_str()).unwrap_or_default();
        let targets = targets.remove(row.name.as_str());
        if let Some(route) = parse(row, targets, policies, references, &mut check) {
            routes.push((route.name.clone(), Arc::new(route)));
        }
    }
    routes.into_iter().collect()
}

fn parse(
    row: &RouteRow,
    targets: Option<Targets>,
    policies: Policies,
    references: &References<'_>,
    check: &mut RowCheck<'_>,
) -> Option<Route> {
    let name = check.keep("name", RouteName::parse(&row.name));
    let hosts = parse_set("hosts", &row.hosts, HostPattern::parse, check);
    if row.hosts.is_empty() {
        check.refuse("hosts", "needs at least one host; '*' is any");
    }
    let path = parse_path(row, check);
    let methods = parse_set("methods", &row.methods, Method::parse, check);
    let timeout = check.number("timeout_ms", row.timeout_ms, 1..=3_600_000);
    let gateways = parse_set("gateways", &row.gateways, |name| references.gateway(name), check);
    if row.gateways.is_empty() {
        check.refuse("gateways", "needs at least one gateway");
    }
    check_sharding(&hosts, &gateways, references, check);
    let targets = check.keep("", targets::of_positive_weight(targets));
    Some(Route {
        name: name?,
        hosts,
        path: path?,
        methods,
        timeout: Duration::from_millis(timeout?.into()),
        priority: row.priority,
        targets: targets?,
        policies,
        gateways,
    })
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

/// Parses each member of a list, none of which may mean the same as another.
fn parse_set<T: Ord>(
    field: &str,
    list: &[String],
    parse: impl Fn(&str) -> Result<T, String>,
    check: &mut RowCheck<'_>,
) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    for (index, text) in list.iter().enumerate() {
        let parsed = parse(text).map(|value| set.insert(value));
        let refused = match parsed {
            Ok(true) => continue,
            Ok(false) => format!("'{text}' stands twice"),
            Err(reason) => reason,
        };
        check.refuse(format!("{field}[{index}]"), refused);
    }
    set
}

fn parse_path(row: &RouteRow, check: &mut RowCheck<'_>) -> Option<PathMatch> {
    match (&row.path_exact, &row.path_prefix) {
        (Some(path), None) => check.keep("path_exact", Path::parse(path)).map(PathMatch::Exact),
        (None, Some(path)) => check.keep("path_prefix", Path::parse(path)).map(PathMatch::Prefix),
        _ => {
            check.refuse("path_exact", "exactly one of path_exact and path_prefix must be set");
            None
        }
    }
}
