//! API keys: who holds each, and what it is good for.

use std::{
    cell::LazyCell,
    collections::{BTreeSet, HashSet},
    fmt,
    sync::Arc,
};

use ferrox_policy::{
    Invalid,
    auth::{Consumer, KeyDigest, KeyGrant, KeySet},
};

use super::{
    consumers::{self, Consumers},
    problem::{Problem, RowCheck},
};
use crate::store::{ApiKeyRow, ConsumerRow, LiveRows, Rows, Things};

pub(super) const TABLE: &str = "api_keys";

/// The keys and those who hold them.
#[derive(Clone, PartialEq)]
pub(super) struct Keys {
    consumers: Consumers,
    /// In the order of their digests.
    grants: Arc<Vec<KeyGrant>>,
}

impl Keys {
    pub(super) fn parse(rows: &Rows, problems: &mut Vec<Problem>) -> Self {
        let consumers = Consumers::parse(rows, problems);
        let routes = names(rows);
        let fit = Fit { consumers: &consumers, has_route: &|name| routes.contains(name) };
        let grants = fit.parse_all(rows.live.api_keys.iter(), problems);
        refuse_doubles(&grants, problems);
        Self { consumers, grants: Arc::new(grants) }
    }

    /// Parses the keys that have changed, and those whose consumer or routes have.
    pub(super) fn updated(&self, rows: &Rows, things: &Things, problems: &mut Vec<Problem>) -> Self {
        let consumers = match things.consumers.is_empty() {
            true => self.consumers.clone(),
            false => Consumers::parse(rows, problems),
        };
        let routes = LazyCell::new(|| names(rows));
        let fit = Fit { consumers: &consumers, has_route: &|name| routes.contains(name) };
        let changed = |row: &&ApiKeyRow| {
            things.api_keys.contains(&row.sha256) || concerns(&row.consumer, &row.routes, things)
        };
        let parsed = fit.parse_all(rows.live.api_keys.iter().filter(changed), problems);
        let grants = self.with(parsed, things);
        Self { consumers, grants }
    }

    fn with(&self, parsed: Vec<KeyGrant>, things: &Things) -> Arc<Vec<KeyGrant>> {
        let named: BTreeSet<_> = things.api_keys.iter().filter_map(|hex| KeyDigest::from_hex(hex)).collect();
        let goes = |grant: &KeyGrant| {
            named.contains(&grant.sha256) || concerns(&grant.consumer, &grant.routes, things)
        };
        if parsed.is_empty() && !self.grants.iter().any(goes) {
            return Arc::clone(&self.grants);
        }
        let mut grants: Vec<_> = self.grants.iter().filter(|grant| !goes(grant)).cloned().collect();
        grants.extend(parsed);
        // Mostly sorted already, which this makes use of.
        grants.sort_by_key(|grant| grant.sha256);
        Arc::new(grants)
    }

    /// All that are live and fit these consumers and routes.
    pub(super) fn with_live(
        &self,
        live: &LiveRows,
        has_route: &dyn Fn(&str) -> bool,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let fit = Fit { consumers: &self.consumers, has_route };
        Self {
            consumers: self.consumers.clone(),
            grants: Arc::new(fit.parse_all(live.api_keys.iter(), problems)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }

    pub(super) fn pack(&self) -> Result<KeySet, Invalid> {
        KeySet::pack(self.consumers.all(), &self.grants)
    }
}

/// Whether a key is to be looked at again, though its row has not changed.
fn concerns(consumer: &str, routes: &[String], things: &Things) -> bool {
    things.consumers.contains(consumer) || routes.iter().any(|route| things.routes.contains(route))
}

/// The routes in the rows, also those that make no sense, so that not each of their keys is refused too.
fn names(rows: &Rows) -> HashSet<&str> {
    rows.routes.iter().map(|row| row.name.as_str()).collect()
}

/// Checks the row of a key of a consumer, where `routes` are those that there are.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check_api_key(
    row: &ApiKeyRow,
    consumer: &ConsumerRow,
    routes: &BTreeSet<String>,
) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    let has_route = |name: &str| routes.contains(name);
    parse(
        row,
        &consumers::of(consumer),
        &has_route,
        &mut RowCheck::new(TABLE, &Start(&row.sha256), &mut problems),
    );
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// What keys must fit.
struct Fit<'a> {
    consumers: &'a Consumers,
    has_route: &'a dyn Fn(&str) -> bool,
}

impl Fit<'_> {
    /// Those of the rows that fit, in the order of their digests.
    fn parse_all<'r>(
        &self,
        rows: impl Iterator<Item = &'r ApiKeyRow>,
        problems: &mut Vec<Problem>,
    ) -> Vec<KeyGrant> {
        let parse = |row: &ApiKeyRow| {
            let start = Start(&row.sha256);
            let mut check = RowCheck::new(TABLE, &start, problems);
            let Some(consumer) = self.consumers.get(&row.consumer) else {
                check.refuse("consumer", format!("there is no consumer '{}'", row.consumer));
                return None;
            };
            parse(row, consumer, self.has_route, &mut check)
        };
        let mut grants: Vec<_> = rows.filter_map(parse).collect();
        grants.sort_by_key(|grant| grant.sha256);
        grants
    }
}

/// `None` when something is wrong with the row, which is noted.
fn parse(
    row: &ApiKeyRow,
    consumer: &Consumer,
    has_route: &dyn Fn(&str) -> bool,
    check: &mut RowCheck<'_>,
) -> Option<KeyGrant> {
    let digest = KeyDigest::from_hex(&row.sha256).ok_or("must be 64 lower-case hex digits".to_owned());
    let sha256 = check.keep("sha256", digest);
    let not_before = time("not_before", row.not_before, check);
    let expires = time("expires_at", row.expires_at, check);
    let mut fits = true;
    for (index, route) in row.routes.iter().enumerate().filter(|(_, route)| !has_route(route)) {
        check.refuse(format!("routes[{index}]"), format!("there is no route '{}'", route.escape_debug()));
        fits = false;
    }
    let grant = KeyGrant {
        sha256: sha256?,
        consumer: row.consumer.clone(),
        scopes: row.scopes.clone(),
        routes: row.routes.clone(),
        not_before: not_before?,
        expires: expires?,
        disabled: row.disabled,
    };
    if let Err(Invalid { field, reason }) = grant.check_for(consumer) {
        check.refuse(if field == "expires" { "expires_at".to_owned() } else { field }, reason);
        return None;
    }
    fits.then_some(grant)
}

/// A time that may be absent; `None` when it was refused, which is noted.
fn time(field: &str, seconds: Option<i64>, check: &mut RowCheck<'_>) -> Option<Option<u64>> {
    let Some(seconds) = seconds else { return Some(None) };
    check.keep(field, u64::try_from(seconds).map(Some).map_err(|_| "must not be before 1970".to_owned()))
}

/// The database has each key once.
fn refuse_doubles(grants: &[KeyGrant], problems: &mut Vec<Problem>) {
    for (one, other) in grants.iter().zip(grants.iter().skip(1)) {
        if one.sha256 == other.sha256 {
            let sha256 = one.sha256.to_string();
            RowCheck::new(TABLE, &Start(&sha256), problems).refuse("sha256", "stands twice");
        }
    }
}

/// How people call a key: by the first 8 digits of its digest. What is no digest may be the key itself, and is not shown.
struct Start<'a>(&'a str);

impl fmt::Display for Start<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = KeyDigest::from_hex(self.0).and_then(|_| self.0.get(..8));
        formatter.write_str(start.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
