//! What is known of every breaker of every Envoy.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::state::{Breaker, Change, Terms};
use crate::{
    model::Model,
    stats::{Proxy, Stats},
};

/// What is known of the Envoys that are connected.
#[derive(Debug, Default)]
pub(super) struct Book {
    proxies: BTreeMap<Proxy, Entry>,
    /// How often a breaker of an upstream was seen to open. Its keys are shared by all entries.
    openings: BTreeMap<Arc<str>, u64>,
}

/// What is known of an Envoy.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// When it answered last, in seconds since 1970.
    pub(super) answered_at: Option<u64>,
    /// Set when it did not answer when it was asked last.
    pub(super) silence: Option<Silence>,
    /// The upstreams that it runs, as of its last answer.
    pub(super) breakers: BTreeMap<Arc<str>, Breaker>,
}

/// That an Envoy does not answer.
#[derive(Debug)]
pub(super) struct Silence {
    /// Why, the last time.
    pub(super) reason: String,
    /// How often in a row.
    questions: u32,
}

impl Silence {
    /// Whether it is told. An Envoy that starts connects some seconds before it listens, so once is nothing to tell.
    fn is_told(&self) -> bool {
        self.questions > 1
    }
}

impl Book {
    /// What is known of a proxy.
    pub(super) fn entry(&self, proxy: &Proxy) -> Option<&Entry> {
        self.proxies.get(proxy)
    }

    /// How often a breaker of an upstream was seen to open.
    pub(super) fn openings(&self, upstream: &str) -> u64 {
        self.openings.get(upstream).copied().unwrap_or(0)
    }

    /// Forgets all but these proxies and the upstreams that are `served`, and knows these proxies from now on.
    pub(super) fn retain(&mut self, connected: &BTreeSet<Proxy>, served: impl Fn(&str) -> bool) {
        self.proxies.retain(|proxy, _| connected.contains(proxy));
        for proxy in connected {
            self.proxies.entry(proxy.clone()).or_default();
        }
        self.openings.retain(|upstream, _| served(upstream));
    }

    /// Takes the answer of a proxy. Upstreams that are not in the model are on their way out.
    pub(super) fn answered(&mut self, proxy: &Proxy, stats: &Stats, model: &Model, now: u64) {
        // It may have gone meanwhile.
        let Some(entry) = self.proxies.get_mut(proxy) else { return };
        if entry.silence.take().is_some_and(|silence| silence.is_told()) {
            tracing::info!(node = proxy.id, cluster = proxy.cluster, "node tells how its breakers are again");
        }
        let mut breakers = BTreeMap::new();
        for (name, sample) in stats.upstreams() {
            let Some(upstream) = model.upstream(name) else { continue };
            let before = entry.breakers.get(name);
            let (breaker, change) = Breaker::seen(before, *sample, &Terms::of(upstream), now);
            let name = match self.openings.get_key_value(name) {
                Some((name, _)) => Arc::clone(name),
                None => Arc::from(name),
            };
            let openings = self.openings.entry(Arc::clone(&name)).or_default();
            if let Some(change) = change {
                *openings += u64::from(change == Change::Opened);
                log(proxy, &name, change);
            }
            breakers.insert(name, breaker);
        }
        entry.breakers = breakers;
        entry.answered_at = Some(now);
    }

    /// A proxy did not answer. What was known of it is kept, to be compared with its next answer.
    pub(super) fn failed(&mut self, proxy: &Proxy, reason: String) {
        let Some(entry) = self.proxies.get_mut(proxy) else { return };
        let before = entry.silence.take();
        let was_told = before.as_ref().is_some_and(Silence::is_told);
        let questions = before.map_or(0, |silence| silence.questions).saturating_add(1);
        let silence = Silence { reason, questions };
        if silence.is_told() && !was_told {
            tracing::warn!(
                node = proxy.id,
                cluster = proxy.cluster,
                address = proxy.address.map(tracing::field::display),
                reason = silence.reason,
                "node does not tell how its breakers are"
            );
        }
        entry.silence = Some(silence);
    }
}

fn log(proxy: &Proxy, upstream: &str, change: Change) {
    let Proxy { id: node, cluster, .. } = proxy;
    match change {
        Change::Opened => tracing::info!(node, cluster, upstream, "breaker opened"),
        Change::Closed => tracing::info!(node, cluster, upstream, "breaker closed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample;

    fn proxy(id: &str) -> Proxy {
        Proxy { cluster: "ferrox".to_owned(), id: id.to_owned(), address: Some(([127, 0, 0, 1], 1).into()) }
    }

    fn stats(healthy: u32) -> Stats {
        let stat = |upstream, name, value| {
            format!(r#"{{"name":"cluster.{upstream}.membership_{name}","value":{value}}}"#)
        };
        let stats =
            [stat("orders", "total", 1), stat("orders", "healthy", healthy), stat("gone", "total", 1)];
        Stats::parse(format!(r#"{{"stats":[{}]}}"#, stats.join(",")).as_bytes()).unwrap()
    }

    fn book(proxies: &[&str]) -> Book {
        let mut book = Book::default();
        book.retain(&proxies.iter().map(|id| proxy(id)).collect(), |_| true);
        book
    }

    #[test]
    fn only_upstreams_of_the_model_are_kept() {
        let model = Model::parse(&sample::sound(), &sample::keyring()).unwrap();
        let mut book = book(&["a"]);
        book.answered(&proxy("a"), &stats(0), &model, 100);
        let breakers = &book.entry(&proxy("a")).unwrap().breakers;
        assert_eq!(breakers.keys().map(|name| &**name).collect::<Vec<_>>(), ["orders"]);
        assert_eq!((book.openings("orders"), book.openings("gone")), (1, 0));
        book.retain(&BTreeSet::new(), |upstream| upstream != "orders");
        assert_eq!(book.openings("orders"), 0);
    }

    #[test]
    fn a_silence_does_not_change_since_when_a_breaker_is_open() {
        let model = Model::parse(&sample::sound(), &sample::keyring()).unwrap();
        let mut book = book(&["a"]);
        book.answered(&proxy("a"), &stats(0), &model, 100);
        book.failed(&proxy("a"), "it sleeps".to_owned());
        assert!(book.entry(&proxy("a")).unwrap().silence.is_some());
        book.answered(&proxy("a"), &stats(0), &model, 200);
        assert!(book.entry(&proxy("a")).unwrap().silence.is_none());
        assert_eq!(book.entry(&proxy("a")).unwrap().breakers["orders"].since, 100);
        assert_eq!(book.openings("orders"), 1);
    }

    #[test]
    fn the_answer_of_a_proxy_that_has_gone_is_dropped() {
        let model = Model::parse(&sample::sound(), &sample::keyring()).unwrap();
        let mut book = book(&["a"]);
        book.answered(&proxy("b"), &stats(0), &model, 100);
        book.failed(&proxy("b"), "it went".to_owned());
        assert!(book.entry(&proxy("b")).is_none());
        book.retain(&[proxy("b")].into(), |_| true);
        assert!(book.entry(&proxy("a")).is_none());
    }
}
