//! How the breakers of every connected Envoy are, by asking each Envoy on its status listener.
//!
//! Envoy tells nobody when a breaker opens, so each is asked every few seconds, and what happens in between is not seen.
//! [`stats`](crate::stats) asks; `state` judges one breaker, `book` keeps what is known of all, and `view` and `metrics` show it.

mod book;
mod metrics;
mod state;
mod view;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use self::book::Book;
pub use self::{
    metrics::register,
    view::{Query, View},
};
use crate::{
    nodes::{Nodes, unix_now},
    publish::Publication,
    stats::{Audience, Proxy, Stats},
};

/// What is known of the breakers of the connected Envoys.
pub struct Breakers {
    nodes: Arc<Nodes>,
    publication: Publication,
    /// How often each Envoy is asked; `None`: never.
    interval: Option<Duration>,
    book: Mutex<Book>,
}

impl Breakers {
    /// Nothing is known yet. Each Envoy is to be asked this often, by [`Rounds`](crate::stats::Rounds); `None`: never.
    #[must_use]
    pub fn new(nodes: Arc<Nodes>, publication: Publication, interval: Option<Duration>) -> Self {
        Self { nodes, publication, interval, book: Mutex::default() }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // No code panics while it holds the lock; if it did, the books would still be readable.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Audience for Breakers {
    /// Forgets all but the connected proxies and the upstreams that are served.
    fn round_begins(&self, connected: &BTreeSet<Proxy>) {
        let model = self.publication.model();
        self.book().retain(connected, |upstream| {
            model.as_ref().is_some_and(|model| model.upstream(upstream).is_some())
        });
    }

    fn answered(&self, proxy: &Proxy, stats: &Stats) {
        let Some(model) = self.publication.model() else { return };
        self.book().answered(proxy, stats, &model, unix_now());
    }

    fn silent(&self, proxy: &Proxy, reason: &str) {
        self.book().failed(proxy, reason.to_owned());
    }
}
