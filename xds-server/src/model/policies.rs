//! What holds for the requests of a route.

use std::collections::{BTreeSet, HashMap, HashSet};

use ferrox_policy::{
    Check,
    auth::AuthPolicy,
    cache::CachePolicy,
    rate_limit::{Limit, RateLimitPolicy, Stage},
};

use super::{
    problem::{Problem, RowCheck},
    route::References,
    selection::Selection,
};
use crate::store::RoutePolicyRow;

/// The policies of a route. A filter without one is switched off for the route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies {
    /// Who may pass.
    pub auth: Option<AuthPolicy>,
    /// How much may pass. Limits by identity stand only beside an auth policy.
    pub rate_limit: Option<RateLimitPolicy>,
    /// What is answered from the cache.
    pub cache: Option<CachePolicy>,
}

const TABLE: &str = "route_policies";

pub(super) fn parse_all<'a>(
    rows: &Selection<'a>,
    routes: &HashSet<&str>,
    references: &References<'_>,
    problems: &mut Vec<Problem>,
) -> HashMap<&'a str, Policies> {
    let mut sorted = rows.route_policies.clone();
    sorted.sort_by_key(|row| &row.route);
    let of_one_route = sorted.chunk_by(|a, b| a.route == b.route);
    let parsed = of_one_route.filter_map(|policies| {
        let route = policies.first()?.route.as_str();
        Some((route, parse_route(policies, routes.contains(route), &references.providers, problems)))
    });
    let mut by_route = HashMap::with_capacity(routes.len());
    by_route.extend(parsed);
    by_route
}

fn parse_route(
    rows: &[&RoutePolicyRow],
    route_exists: bool,
    providers: &HashSet<&str>,
    problems: &mut Vec<Problem>,
) -> Policies {
    let mut policies = Policies::default();
    let mut seen = BTreeSet::new();
    for row in rows {
        let key = format_args!("{} {}", row.route, row.kind);
        let mut check = RowCheck::new(TABLE, &key, problems);
        if !route_exists {
            check.refuse("route", format!("there is no route '{}'", row.route));
        }
        if !seen.insert(&row.kind) {
            check.refuse("kind", "stands twice");
            continue;
        }
        match row.kind.as_str() {
            "auth" => policies.auth = parse_auth(row, providers, &mut check),
            "rate_limit" => policies.rate_limit = check.document("policy", &row.policy),
            "cache" => policies.cache = check.document("policy", &row.policy),
            _ => check.refuse("kind", "must be auth, rate_limit or cache"),
        }
    }
    if let Some(row) = rows.iter().find(|row| row.kind == "rate_limit") {
        let key = format_args!("{} {}", row.route, row.kind);
        let has_auth = rows.iter().any(|row| row.kind == "auth");
        join_limits_to_auth(&mut policies, has_auth, &mut RowCheck::new(TABLE, &key, problems));
    }
    policies
}

fn parse_auth(
    row: &RoutePolicyRow,
    providers: &HashSet<&str>,
    check: &mut RowCheck<'_>,
) -> Option<AuthPolicy> {
    let policy: AuthPolicy = check.document("policy", &row.policy)?;
    let named = policy.jwt.iter().flat_map(|jwt| &jwt.providers).enumerate();
    for (index, name) in named.filter(|(_, name)| !providers.contains(name.as_str())) {
        check.refuse(format!("policy.jwt.providers[{index}]"), format!("there is no JWT provider '{name}'"));
    }
    Some(policy)
}

/// Limits by identity need auth, and auth has to tell them the claims that they count by.
fn join_limits_to_auth(policies: &mut Policies, has_auth: bool, check: &mut RowCheck<'_>) {
    let Some(rate_limit) = &policies.rate_limit else { return };
    let by_identity = |limit: &Limit| limit.stage() == Stage::Identity;
    for (index, limit) in rate_limit.limits.iter().enumerate().filter(|(_, limit)| by_identity(limit)) {
        let mut refuse = |reason: String| check.refuse(format!("policy.limits[{index}]"), reason);
        if !has_auth {
            refuse(format!(
                "limit '{}' needs to know who asks, but the route has no auth policy",
                limit.name
            ));
        }
        let Some(auth) = &mut policies.auth else { continue };
        if auth.jwt.is_none() && limit.by.claims().next().is_some() {
            refuse(format!("limit '{}' counts by a claim, but the route accepts no tokens", limit.name));
            continue;
        }
        auth.publish(limit.by.claims());
        if let Err(invalid) = auth.check() {
            refuse(format!("limit '{}' counts by a claim too many: {invalid}", limit.name));
        }
    }
}
