//! Keys of issuers that are fetched: found, checked and kept in the database, from where every replica ships the same.
//!
//! `keeper` fetches what is due, of all replicas one at a time; `schedule` says when, `fetch` gets the keys of a provider and
//! `http` a document; `view` shows how it goes. A token of an unknown key brings a fetch forward. What fails changes nothing:
//! the last good keys stay in the database.

mod fetch;
mod http;
mod keeper;
mod schedule;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

pub use self::{
    keeper::Keeper,
    view::{SourceStatus, register},
};
use crate::{
    publish::Publication,
    stats::{Audience, Proxy, Stats},
    store::JwksFetch,
};

/// What is known of fetching keys.
pub struct Jwks {
    publication: Publication,
    book: Mutex<Book>,
    /// Whether tokens of unknown keys have come since this was last looked at.
    unknown_key: AtomicBool,
}

#[derive(Default)]
struct Book {
    /// How fetching goes, as the database had it last.
    fetches: Vec<JwksFetch>,
    /// What this replica's attempts came to, by provider.
    outcomes: BTreeMap<(String, Outcome), u64>,
    /// Why the last attempt could not use the database, to tell it once: a replica that may not write never can.
    database_error: Option<String>,
    /// Tokens of unknown keys that each Envoy has counted.
    unknown_keys: BTreeMap<Proxy, u64>,
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Other keys than before.
    Changed,
    /// The same keys.
    Same,
    /// No keys.
    Failed,
}

impl Jwks {
    /// Nothing is known yet. Keys are fetched for the model that is served, by a [`Keeper`].
    #[must_use]
    pub fn new(publication: Publication) -> Self {
        Self { publication, book: Mutex::default(), unknown_key: AtomicBool::new(false) }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // No code panics while it holds the lock; if it did, the book would still be readable.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Audience for Jwks {
    fn round_begins(&self, connected: &BTreeSet<Proxy>) {
        self.book().unknown_keys.retain(|proxy, _| connected.contains(proxy));
    }

    /// A count that differs is one that grew, or an Envoy that began anew and met such tokens since.
    fn answered(&self, proxy: &Proxy, stats: &Stats) {
        let before = self.book().unknown_keys.insert(proxy.clone(), stats.unknown_keys()).unwrap_or(0);
        if stats.unknown_keys() > 0 && stats.unknown_keys() != before {
            self.unknown_key.store(true, Ordering::Relaxed);
        }
    }

    fn silent(&self, _: &Proxy, _: &str) {}
}

impl fmt::Debug for Jwks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Jwks").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn tokens_of_unknown_keys_are_noticed_when_their_count_grows() {
        let jwks = Jwks::new(Publication::new(Arc::new(Metrics::default())));
        let proxy = Proxy { cluster: "ferrox".to_owned(), id: "a".to_owned(), address: None };
        let noticed = |count: u64| {
            let stat = format!(
                r#"{{"stats":[{{"name":"wasmcustom.ferrox.auth.denied.unknown_key","value":{count}}}]}}"#
            );
            jwks.answered(&proxy, &Stats::parse(stat.as_bytes()).unwrap());
            jwks.unknown_key.swap(false, Ordering::Relaxed)
        };
        assert_eq!([0, 2, 2, 3, 0, 1].map(noticed), [false, true, false, true, false, true]);
        jwks.round_begins(&BTreeSet::new());
        assert!(jwks.book().unknown_keys.is_empty());
    }
}
