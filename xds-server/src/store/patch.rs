//! Putting the rows of changed things in the place of those that were read before.

use std::{collections::BTreeSet, iter, mem, ops::Range};

use super::{Rows, Things};

impl Rows {
    /// Replaces the rows of `things` by `fresh`, which are sorted as all rows are.
    pub(super) fn patch(&mut self, things: &Things, fresh: Self) {
        replace(&mut self.gateways, &things.gateways, fresh.gateways, |row| &row.name);
        replace(&mut self.upstreams, &things.upstreams, fresh.upstreams, |row| &row.name);
        replace(&mut self.endpoints, &things.upstreams, fresh.endpoints, |row| &row.upstream);
        replace(&mut self.routes, &things.routes, fresh.routes, |row| &row.name);
        replace(&mut self.route_upstreams, &things.routes, fresh.route_upstreams, |row| &row.route);
        replace(&mut self.route_mirrors, &things.routes, fresh.route_mirrors, |row| &row.route);
        replace(&mut self.route_policies, &things.routes, fresh.route_policies, |row| &row.route);
        replace(&mut self.jwt_providers, &things.jwt_providers, fresh.jwt_providers, |row| &row.name);
        replace(&mut self.consumers, &things.consumers, fresh.consumers, |row| &row.name);
        replace(&mut self.listeners, &things.listeners, fresh.listeners, |row| &row.name);
        replace(&mut self.certificates, &things.certificates, fresh.certificates, |row| &row.name);
        replace(&mut self.live.api_keys, &things.api_keys, fresh.live.api_keys, |row| &row.sha256);
        replace(&mut self.live.jwks_sets, &things.jwks_sets, fresh.live.jwks_sets, |row| &row.provider);
        replace(&mut self.live.revocations, &things.revocations, fresh.live.revocations, |row| &row.id);
    }
}

/// Both lists are sorted by `thing`. Mostly a row is only changed, and then no other is touched: they are large, and there are
/// thousands.
fn replace<T>(rows: &mut Vec<T>, names: &BTreeSet<String>, fresh: Vec<T>, thing: fn(&T) -> &String) {
    if names.is_empty() {
        return;
    }
    match in_place(rows, names, &fresh, thing) {
        Some(places) => {
            for (place, row) in places.into_iter().zip(fresh) {
                if let Some(before) = rows.get_mut(place) {
                    *before = row;
                }
            }
        }
        None => anew(rows, names, fresh, thing),
    }
}

/// Where the fresh rows belong, if each thing has as many as before.
fn in_place<T>(
    rows: &[T],
    names: &BTreeSet<String>,
    fresh: &[T],
    thing: fn(&T) -> &String,
) -> Option<Vec<usize>> {
    let mut places = Vec::with_capacity(fresh.len());
    for name in names {
        let before = of(rows, name, thing);
        if before.len() != of(fresh, name, thing).len() {
            return None;
        }
        places.extend(before);
    }
    Some(places)
}

/// Where the rows of a thing are.
fn of<T>(rows: &[T], name: &String, thing: fn(&T) -> &String) -> Range<usize> {
    rows.partition_point(|row| thing(row) < name)..rows.partition_point(|row| thing(row) <= name)
}

/// In one pass, which moves rows but looks only at those near a changed one.
fn anew<T>(rows: &mut Vec<T>, names: &BTreeSet<String>, fresh: Vec<T>, thing: fn(&T) -> &String) {
    let mut before = mem::take(rows).into_iter();
    let mut fresh = fresh.into_iter().peekable();
    for name in names {
        let kept = before.as_slice().partition_point(|row| thing(row) < name);
        rows.extend(before.by_ref().take(kept));
        let gone = before.as_slice().partition_point(|row| thing(row) == name);
        before.by_ref().take(gone).for_each(drop);
        rows.extend(iter::from_fn(|| fresh.next_if(|row| thing(row) == name)));
    }
    rows.extend(before);
}
