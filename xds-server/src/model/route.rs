//! Which requests go where, and what holds for them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use super::{
    Gateway, GatewayName, HostPattern, Method, Path, PathMatch, Policies, RouteName, Sharding, UpstreamName,
    policies,
    problem::{Problem, RowCheck},
    selection::Selection,
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

/// What routes may refer to.
pub(super) struct References<'a> {
    gateways: HashSet<&'a str>,
    /// Of those that make sense.
    sharding: HashMap<&'a str, Sharding>,
    upstreams: HashSet<&'a str>,
    pub(super) providers: HashSet<&'a str>,
}

impl<'a> References<'a> {
    /// What is in the rows, also if it makes no sense, so that not everything that refers to it is refused too.
    pub(super) fn new(rows: &'a Rows, gateways: &'a BTreeMap<GatewayName, Gateway>) -> Self {
        Self {
            gateways: rows.gateways.iter().map(|row| row.name.as_str()).collect(),
            sharding: gateways.values().map(|gateway| (gateway.name.as_str(), gateway.sharding)).collect(),
            upstreams: rows.upstreams.iter().map(|row| row.name.as_str()).collect(),
            providers: rows.jwt_providers.iter().map(|row| row.name.as_str()).collect(),
        }
    }

    fn gateway(&self, name: &str) -> Result<GatewayName, String> {
        match self.gateways.contains(name) {
            true => GatewayName::parse(name),
            false => Err(format!("there is no gateway '{name}'")),
        }
    }
}

pub(super) fn parse_all(
    rows: &Selection<'_>,
    references: &References<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<RouteName, Arc<Route>> {
    let known: HashSet<&str> = rows.routes.iter().map(|row| row.name.as_str()).collect();
    let mut policies = policies::parse_all(rows, &known, references, problems);
    let mut targets = parse_targets(rows, &known, references, problems);
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
    let targets = check.keep("", of_positive_weight(targets));
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

/// The rows of `route_upstreams` for one route.
#[derive(Default)]
struct Targets {
    positive: BTreeMap<UpstreamName, NonZeroU32>,
    /// A row was refused, so it is not known what the route has.
    refused: bool,
}

fn of_positive_weight(targets: Option<Targets>) -> Result<BTreeMap<UpstreamName, NonZeroU32>, String> {
    let targets = targets.ok_or("has no upstream in route_upstreams")?;
    if targets.positive.is_empty() && !targets.refused {
        return Err("has only upstreams of weight 0".to_owned());
    }
    // A model with a refused row is never used.
    Ok(targets.positive)
}

fn parse_targets<'a>(
    rows: &Selection<'a>,
    routes: &HashSet<&str>,
    references: &References<'_>,
    problems: &mut Vec<Problem>,
) -> HashMap<&'a str, Targets> {
    let mut sorted = rows.route_upstreams.clone();
    sorted.sort_by_key(|row| &row.route);
    let of_one_route = sorted.chunk_by(|a, b| a.route == b.route);
    let parsed = of_one_route.filter_map(|targets| {
        let route = targets.first()?.route.as_str();
        Some((route, parse_targets_of(targets, routes.contains(route), references, problems)))
    });
    let mut by_route = HashMap::with_capacity(routes.len());
    by_route.extend(parsed);
    by_route
}

fn parse_targets_of(
    rows: &[&RouteUpstreamRow],
    route_exists: bool,
    references: &References<'_>,
    problems: &mut Vec<Problem>,
) -> Targets {
    let mut targets = Targets::default();
    let mut seen = BTreeSet::new();
    for row in rows {
        let key = format_args!("{} {}", row.route, row.upstream);
        let mut check = RowCheck::new(TARGETS, &key, problems);
        if !route_exists {
            check.refuse("route", format!("there is no route '{}'", row.route));
        }
        if !seen.insert(&row.upstream) {
            check.refuse("upstream", "stands twice");
            targets.refused = true;
        } else if parse_target(row, references, &mut targets, &mut check).is_none() {
            targets.refused = true;
        }
    }
    targets
}

fn parse_target(
    row: &RouteUpstreamRow,
    references: &References<'_>,
    targets: &mut Targets,
    check: &mut RowCheck<'_>,
) -> Option<()> {
    let weight = check.number("weight", row.weight, 0..=MAX_WEIGHT);
    if !references.upstreams.contains(row.upstream.as_str()) {
        check.refuse("upstream", format!("there is no upstream '{}'", row.upstream));
        return None;
    }
    // The table upstreams refuses a name that is none.
    let name = UpstreamName::parse(&row.upstream).ok()?;
    if let Some(weight) = NonZeroU32::new(weight?) {
        targets.positive.insert(name, weight);
    }
    Some(())
}
