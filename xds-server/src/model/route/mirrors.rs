//! Which upstreams get copies of the requests of a route.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::References;
use crate::{
    model::{
        UpstreamName,
        problem::{Problem, RowCheck},
        selection::Selection,
    },
    store::RouteMirrorRow,
};

const TABLE: &str = "route_mirrors";

/// Of how many of a hundred requests each upstream gets a copy.
pub(super) type Mirrors = BTreeMap<UpstreamName, u32>;

pub(super) fn parse_all<'a>(
    rows: &Selection<'a>,
    routes: &HashSet<&str>,
    references: &References<'_>,
    problems: &mut Vec<Problem>,
) -> HashMap<&'a str, Mirrors> {
    let mut by_route: HashMap<&str, Mirrors> = HashMap::new();
    for row in &rows.route_mirrors {
        let key = format_args!("{} {}", row.route, row.upstream);
        let mut check = RowCheck::new(TABLE, &key, problems);
        if !routes.contains(row.route.as_str()) {
            check.refuse("route", format!("there is no route '{}'", row.route));
        }
        let Some((upstream, percent)) = parse(row, references, &mut check) else { continue };
        if by_route.entry(&row.route).or_default().insert(upstream, percent).is_some() {
            check.refuse("upstream", "stands twice");
        }
    }
    by_route
}

fn parse(
    row: &RouteMirrorRow,
    references: &References<'_>,
    check: &mut RowCheck<'_>,
) -> Option<(UpstreamName, u32)> {
    let percent = check.number("percent", row.percent, 1..=100);
    if !references.upstreams.contains(row.upstream.as_str()) {
        check.refuse("upstream", format!("there is no upstream '{}'", row.upstream));
        return None;
    }
    // The table upstreams refuses a name that is none.
    Some((UpstreamName::parse(&row.upstream).ok()?, percent?))
}
