//! The model after a change, of which only what has changed is parsed.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Model, across, auth, certificate, listener, overlap,
    problem::Problem,
    route::{self, References},
    selection::Selection,
    upstream,
};
use crate::{
    secrets::Keyring,
    store::{Changed, Rows, Things},
};

impl Model {
    /// Checks the rows that follow those of this model, in which nothing else has `changed`. What has not is taken from here,
    /// and so is the same `Arc`.
    ///
    /// # Errors
    /// Everything that is wrong with the rows.
    pub fn updated(&self, rows: &Rows, changed: &Changed, keyring: &Keyring) -> Result<Self, Vec<Problem>> {
        match changed {
            Changed::Things(things) if self.stands_beside(rows, things) => self.with(rows, things, keyring),
            _ => Self::parse(rows, keyring).map(|model| model.sharing(self)),
        }
    }

    /// Whether all that has not changed is still right beside what has: only references could be wrong now.
    fn stands_beside(&self, rows: &Rows, things: &Things) -> bool {
        let upstream_went = |name: &String| {
            self.upstreams.contains_key(name.as_str()) && !rows.upstreams.iter().any(|row| row.name == *name)
        };
        let provider_went = |name: &String| {
            self.auth.config.providers.iter().any(|provider| provider.name == *name)
                && !rows.jwt_providers.iter().any(|row| row.name == *name)
        };
        things.gateways.is_empty()
            && !things.upstreams.iter().any(upstream_went)
            && !things.jwt_providers.iter().any(provider_went)
    }

    fn with(&self, rows: &Rows, things: &Things, keyring: &Keyring) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut model = self.clone();
        let selection = Selection::of(rows, &things.upstreams, &things.routes);
        let upstreams = upstream::parse_all(&selection, &mut problems);
        replace(&mut model.upstreams, &things.upstreams, upstreams);
        let references = References::new(rows, &self.gateways);
        replace(&mut model.routes, &things.routes, route::parse_all(&selection, &references, &mut problems));
        if !things.routes.is_empty() {
            overlap::check(&model.routes, &mut problems);
        }
        model.keys = self.keys.updated(rows, things, &mut problems);
        if !things.jwt_providers.is_empty() {
            model.auth = auth::parse(rows, &model.keys, &mut problems).sharing(&self.auth);
        } else if things.concern_tokens() || model.keys != self.keys {
            model.auth = self.auth.with_live(&model.keys, &rows.live, &mut problems).sharing(&self.auth);
        }
        if !things.certificates.is_empty() {
            model.certificates = certificate::parse_all(rows, keyring, &mut problems);
            share(&mut model.certificates, &self.certificates);
        }
        if !things.certificates.is_empty() || !things.listeners.is_empty() {
            model.listeners = listener::parse_all(rows, &references, &model.certificates, &mut problems);
            share(&mut model.listeners, &self.listeners);
        }
        across::check(&model, rows, &mut problems);
        if problems.is_empty() { Ok(model) } else { Err(problems) }
    }

    /// The same model, which shares with an earlier one what is the same in both.
    pub(super) fn sharing(mut self, earlier: &Self) -> Self {
        share(&mut self.upstreams, &earlier.upstreams);
        share(&mut self.routes, &earlier.routes);
        share(&mut self.listeners, &earlier.listeners);
        share(&mut self.certificates, &earlier.certificates);
        self.auth = self.auth.sharing(&earlier.auth);
        self
    }
}

/// Puts what was parsed of some things in the place of what they were.
fn replace<K: Ord + Borrow<str>, V: Eq>(
    all: &mut BTreeMap<K, Arc<V>>,
    names: &BTreeSet<String>,
    mut parsed: BTreeMap<K, Arc<V>>,
) {
    share(&mut parsed, all);
    for name in names {
        all.remove(name.as_str());
    }
    all.extend(parsed);
}

/// Takes from `earlier` what is the same there.
fn share<K: Ord, V: Eq>(all: &mut BTreeMap<K, Arc<V>>, earlier: &BTreeMap<K, Arc<V>>) {
    for (name, thing) in all {
        if let Some(same) = earlier.get(name).filter(|same| *same == thing) {
            *thing = Arc::clone(same);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample::{keyring, policy, provider, sound};
    use serde_json::json;

    fn rows() -> Rows {
        let mut rows = sound();
        rows.jwt_providers = vec![provider("id", "https://id")];
        rows.route_policies = vec![policy("orders", "auth", json!({"jwt": {"providers": ["id"]}}))];
        rows
    }

    fn updated(change: impl FnOnce(&mut Rows), providers: &[&str]) -> Result<Model, Vec<Problem>> {
        let mut rows = rows();
        let model = Model::parse(&rows, &keyring()).unwrap();
        change(&mut rows);
        let jwt_providers = providers.iter().map(ToString::to_string).collect();
        model.updated(&rows, &Changed::Things(Things { jwt_providers, ..Things::default() }), &keyring())
    }

    #[test]
    fn a_changed_provider_has_nothing_else_parsed_again() {
        let change = |rows: &mut Rows| {
            rows.jwt_providers[0].leeway_seconds = 7;
            // Would be refused if it was looked at.
            rows.upstreams[0].connect_timeout_ms = -1;
        };
        assert_eq!(updated(change, &["id"]).unwrap().auth().providers[0].leeway_seconds, 7);
    }

    #[test]
    fn a_provider_that_goes_or_changes_its_name_is_missed_by_the_routes_that_name_it() {
        for (left, changed) in
            [(vec![], vec!["id"]), (vec![provider("new", "https://id")], vec!["id", "new"])]
        {
            let problems = updated(|rows| rows.jwt_providers = left, &changed).unwrap_err();
            assert!(problems[0].to_string().contains("there is no JWT provider 'id'"), "{problems:?}");
        }
    }
}
