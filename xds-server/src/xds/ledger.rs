//! What a client was sent, of one kind.
//!
//! Thousands of clients with thousands of resources each must not cost a book of names and versions for each of them. So
//! a ledger is the set that the client was last brought in line with, and the names for which that is not the
//! whole truth.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{interest::Interest, view::View};
use crate::snapshot::{Kind, Resource, Set};

/// What a client was sent of one kind. What was sent counts also when it was refused: the same content is never sent again.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The client has every resource of this set that it wants, in this version.
    synced: Option<Arc<Set>>,
    /// But for these.
    exceptions: BTreeMap<String, Known>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// It has this version.
    Version(String),
    /// It was told that there is none.
    Missing,
    /// It has none, or may have dropped it.
    Nothing,
}

/// How a client differs from a view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// What it lacks or has in another version.
    pub(super) outdated: Vec<Arc<Resource>>,
    /// What it has and should not have, or waits for in vain.
    pub(super) gone: Vec<String>,
}

impl Difference {
    pub(super) fn is_empty(&self) -> bool {
        self.outdated.is_empty() && self.gone.is_empty()
    }
}

impl Ledger {
    /// A client that says what it has, in versions by name.
    pub(super) fn of(versions: impl IntoIterator<Item = (String, String)>) -> Self {
        let known = versions.into_iter().map(|(name, version)| (name, Known::Version(version)));
        Self { synced: None, exceptions: known.collect() }
    }

    /// The client may have dropped a resource.
    pub(super) fn forget(&mut self, name: &str) {
        self.exceptions.insert(name.to_owned(), Known::Nothing);
    }

    /// The client may have dropped everything that it does not want by name.
    pub(super) fn forget_all_but_named(&mut self, interest: &Interest) {
        let kept = interest.names.iter().map(|name| (name.clone(), self.known(name, interest)));
        self.exceptions = kept.collect();
        self.synced = None;
    }

    /// The client no longer wants what is outside its interest, so it is no exception any more.
    pub(super) fn narrow(&mut self, interest: &Interest) {
        self.exceptions.retain(|name, _| interest.wants(name));
    }

    /// Brings the client in line with a view, by a response that makes good the difference which this returns. What is
    /// `due` differs in any case.
    pub(super) fn advance(
        &mut self,
        kind: Kind,
        view: &View,
        interest: &Interest,
        due: &mut BTreeSet<String>,
    ) -> Difference {
        let mut difference = Difference::default();
        let mut exceptions = BTreeMap::new();
        for name in self.candidates(kind, view, interest, due) {
            let known = self.known(&name, interest);
            let Some(resource) = interest.find(view, kind, &name) else {
                let waits = interest.names.contains(&name);
                let stays = match known {
                    Known::Version(_) if !waits && !view.may_remove(kind) => Some(known),
                    Known::Version(_) | Known::Nothing if waits => {
                        difference.gone.push(name.clone());
                        Some(Known::Missing)
                    }
                    Known::Version(_) => {
                        difference.gone.push(name.clone());
                        None
                    }
                    Known::Missing if waits => Some(Known::Missing),
                    Known::Missing | Known::Nothing => None,
                };
                exceptions.extend(stays.map(|known| (name, known)));
                continue;
            };
            let is_due = due.remove(&name);
            if is_due || !matches!(&known, Known::Version(version) if version == resource.version()) {
                difference.outdated.push(Arc::clone(resource));
            }
            let listed = view.set(kind).get(&name).filter(|resource| interest.brings(resource));
            if listed.is_none_or(|listed| listed.version() != resource.version()) {
                // Held back from removal: not what the set that the client is in line with holds.
                exceptions.insert(name, Known::Version(resource.version().to_owned()));
            }
        }
        self.exceptions = exceptions;
        self.synced = Some(Arc::clone(view.set(kind)));
        difference
    }

    /// The names in which the client can differ from a view: few, if it was in line with the set before it.
    fn candidates(
        &self,
        kind: Kind,
        view: &View,
        interest: &Interest,
        due: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        let set = view.set(kind);
        let mut names: BTreeSet<String> = self.exceptions.keys().chain(due).cloned().collect();
        match &self.synced {
            Some(synced) if Arc::ptr_eq(synced, set) => {}
            Some(synced) if set.changed_since(synced).is_some() => {
                names.extend(set.changed_since(synced).into_iter().flatten().cloned());
            }
            _ => {
                names.extend(interest.names.iter().cloned());
                if interest.wildcard {
                    let before = self.synced.iter().flat_map(|synced| synced.iter());
                    names.extend(view.all(kind).chain(before).map(|resource| resource.name().to_owned()));
                }
            }
        }
        names.retain(|name| interest.wants(name));
        names
    }

    fn known(&self, name: &str, interest: &Interest) -> Known {
        if let Some(known) = self.exceptions.get(name) {
            return known.clone();
        }
        match self
            .synced
            .as_ref()
            .and_then(|synced| synced.get(name))
            .filter(|resource| interest.brings(resource))
        {
            Some(resource) => Known::Version(resource.version().to_owned()),
            None => Known::Nothing,
        }
    }
}
