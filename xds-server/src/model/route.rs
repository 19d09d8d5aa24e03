//! Which requests go where, and what holds for them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    num::NonZeroU32,
    time::Duration,
};

use super::{
    GatewayName, HostPattern, Method, Path, PathMatch, Policies, RouteName, UpstreamName, gateway, policies,
    problem::{Problem, RowCheck},
};
use crate::store::{RouteRow, RouteUpstreamRow, Rows};

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
const TARGETS: &str = "route_upstreams";
const MAX_WEIGHT: i32 = 1_000_000;

pub(super) fn parse_all(rows: &Rows, problems: &mut Vec<Problem>) -> BTreeMap<RouteName, Route> {
    let known: HashSet<&str> = rows.routes.iter().map(|row| row.name.as_str()).collect();
    let mut policies = policies::parse_all(rows, &known, problems);
    let mut targets = parse_targets(rows, &known, problems);
    let gateway = gateway::existing(rows);
    let mut routes = BTreeMap::new();
    let mut seen = HashSet::new();
    for row in &rows.routes {
        let mut check = RowCheck::new(TABLE, &row.name, problems);
        if !seen.insert(row.name.as_str()) {
            check.refuse("name", "stands twice");
            continue;
        }
        let policies = policies.remove(row.name.as_str()).unwrap_or_default();
        let targets = targets.remove(row.name.as_str()).unwrap_or_default();
        if let Some(route) = parse(row, targets, policies, &gateway, &mut check) {
            routes.insert(route.name.clone(), route);
        }
    }
    routes
}

fn parse(
    row: &RouteRow,
    targets: Targets,
    policies: Policies,
    gateway: impl Fn(&str) -> Result<GatewayName, String>,
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
    let gateways = parse_set("gateways", &row.gateways, gateway, check);
    if row.gateways.is_empty() {
        check.refuse("gateways", "needs at least one gateway");
    }
    let targets = check.keep("", targets.of_positive_weight());
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

/// Parses each member of a list, none of which may mean the same as another.
fn parse_set<T: Ord>(
    field: &str,
    list: &[String],
    parse: impl Fn(&str) -> Result<T, String>,
    check: &mut RowCheck<'_>,
) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    for (index, text) in list.iter().enumerate() {
        let field = format!("{field}[{index}]");
        let Some(value) = check.keep(field.as_str(), parse(text)) else { continue };
        if !set.insert(value) {
            check.refuse(field, format!("'{text}' stands twice"));
        }
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

/// The rows of `route_upstreams` for one route.
#[derive(Default)]
struct Targets {
    named: HashSet<String>,
    positive: BTreeMap<UpstreamName, NonZeroU32>,
    /// A row was refused, so it is not known what the route has.
    refused: bool,
}

impl Targets {
    fn of_positive_weight(self) -> Result<BTreeMap<UpstreamName, NonZeroU32>, String> {
        if self.refused || !self.positive.is_empty() {
            // A model with a refused row is never used.
            return Ok(self.positive);
        }
        Err(match self.named.is_empty() {
            true => "has no upstream in route_upstreams".to_owned(),
            false => "has only upstreams of weight 0".to_owned(),
        })
    }
}

fn parse_targets<'a>(
    rows: &'a Rows,
    routes: &HashSet<&str>,
    problems: &mut Vec<Problem>,
) -> HashMap<&'a str, Targets> {
    let upstreams: HashSet<&str> = rows.upstreams.iter().map(|row| row.name.as_str()).collect();
    let mut by_route: HashMap<&str, Targets> = HashMap::new();
    for row in &rows.route_upstreams {
        let mut check = RowCheck::new(TARGETS, format!("{} {}", row.route, row.upstream), problems);
        if !routes.contains(row.route.as_str()) {
            check.refuse("route", format!("there is no route '{}'", row.route));
        }
        let targets = by_route.entry(&row.route).or_default();
        if parse_target(row, &upstreams, targets, &mut check).is_none() {
            targets.refused = true;
        }
    }
    by_route
}

fn parse_target(
    row: &RouteUpstreamRow,
    upstreams: &HashSet<&str>,
    targets: &mut Targets,
    check: &mut RowCheck<'_>,
) -> Option<()> {
    let weight = check.number("weight", row.weight, 0..=MAX_WEIGHT);
    if !upstreams.contains(row.upstream.as_str()) {
        check.refuse("upstream", format!("there is no upstream '{}'", row.upstream));
        return None;
    }
    if !targets.named.insert(row.upstream.clone()) {
        check.refuse("upstream", "stands twice");
        return None;
    }
    // The table upstreams refuses a name that is none.
    let name = UpstreamName::parse(&row.upstream).ok()?;
    if let Some(weight) = NonZeroU32::new(weight?) {
        targets.positive.insert(name, weight);
    }
    Some(())
}
