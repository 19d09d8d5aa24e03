//! The breakers for people: `GET /breakers`.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{
    Breakers,
    book::Entry,
    state::{Breaker, State, Terms},
};
use crate::{
    model::{Model, Upstream},
    nodes::unix_now,
    stats::Proxy,
};

/// What of the breakers is to be shown.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Whether those are shown too that are closed and within their limits.
    #[serde(default)]
    pub all: bool,
    /// The one upstream whose breakers are shown.
    pub upstream: Option<String>,
}

/// The breakers of every connected Envoy.
#[derive(Debug, Serialize)]
pub struct View {
    /// How often each Envoy is asked, in seconds, which is the resolution of all times; 0: never.
    interval_seconds: u64,
    nodes: Vec<NodeView>,
}

#[derive(Debug, Serialize)]
struct NodeView {
    id: String,
    cluster: String,
    /// Where it is asked.
    address: Option<SocketAddr>,
    /// When it answered last, in seconds since 1970.
    answered_at: Option<u64>,
    /// Why nothing is known of its breakers now; `None` if they are known.
    unknown: Option<String>,
    breakers: Vec<BreakerView>,
}

#[derive(Debug, Serialize)]
struct BreakerView {
    upstream: String,
    state: State,
    /// When it was first seen in this state, or seen to open if it is half-open, in seconds since 1970.
    since: u64,
    /// Whether a limit of 0 keeps it open.
    forced: bool,
    endpoints: u32,
    /// How many of the endpoints get no traffic.
    endpoints_out: u32,
    /// The limits that are reached.
    overflow: Vec<&'static str>,
}

impl Breakers {
    /// The breakers now.
    #[must_use]
    pub fn view(&self, query: &Query) -> View {
        let model = self.publication.model();
        let connected = Proxy::connected(&self.nodes);
        let book = self.book();
        let nodes = connected.into_iter().map(|proxy| {
            let entry = book.entry(&proxy);
            let unknown = self.unknown(&proxy, entry);
            let breakers = match (&unknown, entry, &model) {
                (None, Some(entry), Some(model)) => shown(entry, model, query, unix_now()),
                _ => Vec::new(),
            };
            let answered_at = entry.and_then(|entry| entry.answered_at);
            let Proxy { cluster, id, address } = proxy;
            NodeView { id, cluster, address, answered_at, unknown, breakers }
        });
        View {
            interval_seconds: self.interval.map_or(0, |interval| interval.as_secs()),
            nodes: nodes.collect(),
        }
    }

    /// Why nothing is known of a proxy's breakers.
    pub(super) fn unknown(&self, proxy: &Proxy, entry: Option<&Entry>) -> Option<String> {
        if self.interval.is_none() {
            return Some("no node is asked: --breaker-interval-seconds is 0".to_owned());
        }
        if proxy.address.is_none() {
            return Some("it has no ferrox.status_port in its node.metadata".to_owned());
        }
        match entry {
            Some(Entry { silence: Some(silence), .. }) => Some(silence.reason.clone()),
            Some(Entry { answered_at: Some(_), .. }) => None,
            _ => Some("it was not asked yet".to_owned()),
        }
    }
}

fn shown(entry: &Entry, model: &Model, query: &Query, now: u64) -> Vec<BreakerView> {
    let breakers = entry.breakers.iter().filter_map(|(name, breaker)| {
        let wanted = query.upstream.as_deref().is_none_or(|upstream| upstream == &**name);
        let upstream = model.upstream(name).filter(|_| wanted)?;
        let view = BreakerView::new(upstream, breaker, now);
        let is_quiet = view.state == State::Closed && view.overflow.is_empty();
        (query.all || !is_quiet).then_some(view)
    });
    breakers.collect()
}

impl BreakerView {
    fn new(upstream: &Upstream, breaker: &Breaker, now: u64) -> Self {
        let terms = Terms::of(upstream);
        Self {
            upstream: upstream.name.to_string(),
            state: breaker.state(&terms, now),
            since: breaker.since,
            forced: terms.forced,
            endpoints: breaker.sample.endpoints,
            endpoints_out: breaker.sample.out(),
            overflow: breaker.sample.reached.names(),
        }
    }
}
