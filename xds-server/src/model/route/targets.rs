//! Where the requests of a route go.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    num::NonZeroU32,
};

use super::References;
use crate::{
    model::{
        UpstreamName,
        problem::{Problem, RowCheck},
        selection::Selection,
    },
    store::RouteUpstreamRow,
};

const TABLE: &str = "route_upstreams";
const MAX_WEIGHT: i32 = 1_000_000;

/// The rows of `route_upstreams` for one route.
#[derive(Default)]
pub(super) struct Targets {
    positive: BTreeMap<UpstreamName, NonZeroU32>,
    /// A row was refused, so it is not known what the route has.
    refused: bool,
}

pub(super) fn of_positive_weight(
    targets: Option<Targets>,
) -> Result<BTreeMap<UpstreamName, NonZeroU32>, String> {
    let targets = targets.ok_or("has no upstream in route_upstreams")?;
    if targets.positive.is_empty() && !targets.refused {
        return Err("has only upstreams of weight 0".to_owned());
    }
    // A model with a refused row is never used.
    Ok(targets.positive)
}

pub(super) fn parse_all<'a>(
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
        let mut check = RowCheck::new(TABLE, &key, problems);
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
