//! What holds for the requests of a route.

use std::collections::{HashMap, HashSet};

use ferrox_policy::{
    Check,
    auth::AuthPolicy,
    cache::CachePolicy,
    parse,
    rate_limit::{By, RateLimitPolicy},
};
use serde::de::DeserializeOwned;

use super::problem::{Problem, RowCheck};
use crate::store::{RoutePolicyRow, Rows};

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
    rows: &'a Rows,
    routes: &HashSet<&str>,
    problems: &mut Vec<Problem>,
) -> HashMap<&'a str, Policies> {
    let providers: HashSet<&str> = rows.jwt_providers.iter().map(|row| row.name.as_str()).collect();
    let with_auth: HashSet<&str> =
        rows.route_policies.iter().filter(|row| row.kind == "auth").map(|row| row.route.as_str()).collect();
    let mut by_route: HashMap<&str, Policies> = HashMap::new();
    let mut seen = HashSet::new();
    for row in &rows.route_policies {
        let mut check = RowCheck::new(TABLE, format!("{} {}", row.route, row.kind), problems);
        if !routes.contains(row.route.as_str()) {
            check.refuse("route", format!("there is no route '{}'", row.route));
        }
        if !seen.insert((row.route.as_str(), row.kind.as_str())) {
            check.refuse("kind", "stands twice");
            continue;
        }
        let policies = by_route.entry(&row.route).or_default();
        match row.kind.as_str() {
            "auth" => policies.auth = parse_auth(row, &providers, &mut check),
            "rate_limit" => {
                policies.rate_limit =
                    parse_rate_limit(row, with_auth.contains(row.route.as_str()), &mut check);
            }
            "cache" => policies.cache = parse_policy(row, &mut check),
            _ => check.refuse("kind", "must be auth, rate_limit or cache"),
        }
    }
    by_route
}

fn parse_policy<T: DeserializeOwned + Check>(row: &RoutePolicyRow, check: &mut RowCheck<'_>) -> Option<T> {
    parse(row.policy.to_string().as_bytes())
        .map_err(|invalid| check.refuse_invalid(invalid.within("policy")))
        .ok()
}

fn parse_auth(
    row: &RoutePolicyRow,
    providers: &HashSet<&str>,
    check: &mut RowCheck<'_>,
) -> Option<AuthPolicy> {
    let policy: AuthPolicy = parse_policy(row, check)?;
    let named = policy.jwt.iter().flat_map(|jwt| &jwt.providers).enumerate();
    for (index, name) in named.filter(|(_, name)| !providers.contains(name.as_str())) {
        check.refuse(format!("policy.jwt.providers[{index}]"), format!("there is no JWT provider '{name}'"));
    }
    Some(policy)
}

fn parse_rate_limit(
    row: &RoutePolicyRow,
    has_auth: bool,
    check: &mut RowCheck<'_>,
) -> Option<RateLimitPolicy> {
    let policy: RateLimitPolicy = parse_policy(row, check)?;
    let by_identity = policy.limits.iter().enumerate().filter(|(_, limit)| limit.by == By::Identity);
    for (index, limit) in by_identity.filter(|_| !has_auth) {
        check.refuse(
            format!("policy.limits[{index}].by"),
            format!(
                "limit '{}' counts by identity, but without an auth policy the route knows none",
                limit.name
            ),
        );
    }
    Some(policy)
}
