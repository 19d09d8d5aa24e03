//! How the breakers of every connected Envoy are, by asking each Envoy on its status listener.
//!
//! Envoy tells nobody when a breaker opens, so each is asked every few seconds, and what happens in between is not seen.
//! `question` asks, `stats` reads the answer, `state` judges one breaker, `book` keeps what is known of all, `rounds`
//! drives these, and `view` and `metrics` show it.

mod book;
mod metrics;
mod question;
mod rounds;
mod state;
mod stats;
mod view;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use self::{book::Book, stats::Stats};
pub use self::{
    metrics::register,
    rounds::Rounds,
    view::{Query, View},
};
use crate::{
    nodes::{Nodes, unix_now},
    publish::Publication,
};

/// What is known of the breakers of the connected Envoys.
pub struct Breakers {
    nodes: Arc<Nodes>,
    publication: Publication,
    /// How often each Envoy is asked; `None`: never.
    interval: Option<Duration>,
    book: Mutex<Book>,
}

/// An Envoy that is connected, and where it can be asked. Kept by this and not by its stream, so that an Envoy that
/// connects again is the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Proxy {
    cluster: String,
    id: String,
    /// The address that its stream comes from, with the port that it says: it can point to nobody else.
    address: Option<SocketAddr>,
}

impl Breakers {
    /// Nothing is known yet. Each Envoy is to be asked this often, by [`Rounds`]; `None`: never.
    #[must_use]
    pub fn new(nodes: Arc<Nodes>, publication: Publication, interval: Option<Duration>) -> Self {
        Self { nodes, publication, interval, book: Mutex::default() }
    }

    /// Every proxy that is connected, once, however many streams it has.
    fn connected(&self) -> BTreeSet<Proxy> {
        let nodes = self.nodes.list().into_iter();
        nodes.map(|node| Proxy { cluster: node.cluster, id: node.id, address: node.status_address }).collect()
    }

    /// Forgets all but the connected proxies and the upstreams that are served.
    fn forget_others(&self, connected: &BTreeSet<Proxy>) {
        let model = self.publication.model();
        self.book().retain(connected, |upstream| {
            model.as_ref().is_some_and(|model| model.upstream(upstream).is_some())
        });
    }

    /// Takes a proxy's answer, or why there is none.
    fn note(&self, proxy: &Proxy, answer: Result<Stats, String>) {
        let Some(model) = self.publication.model() else { return };
        match answer {
            Ok(stats) => self.book().answered(proxy, &stats, &model, unix_now()),
            Err(reason) => self.book().failed(proxy, reason),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // No code panics while it holds the lock; if it did, the books would still be readable.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
