//! The breakers for Prometheus. The series are of the upstreams that are served and of no other, so they are bounded,
//! and go with their upstream.

use std::{collections::BTreeMap, fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Registry,
};

use super::{
    Breakers,
    book::Entry,
    state::{State, Terms},
};
use crate::{
    model::Model,
    nodes::unix_now,
    stats::{Proxy, Reached},
};

/// How many Envoys have a breaker in each state. Overflow comes on top of a state.
#[derive(Default)]
struct Counts {
    closed: u64,
    partly_open: u64,
    open: u64,
    half_open: u64,
    overflow: u64,
}

impl Counts {
    fn by_name(&self) -> [(&'static str, u64); 5] {
        [
            ("closed", self.closed),
            ("partly_open", self.partly_open),
            ("open", self.open),
            ("half_open", self.half_open),
            ("overflow", self.overflow),
        ]
    }
}

/// The counts of every upstream that is served.
struct Totals<'a>(BTreeMap<&'a str, (Terms, Counts)>);

impl<'a> Totals<'a> {
    fn new(model: &'a Model) -> Self {
        let upstreams = model.upstreams();
        Self(
            upstreams
                .map(|upstream| (upstream.name.as_str(), (Terms::of(upstream), Counts::default())))
                .collect(),
        )
    }

    fn add(&mut self, entry: &Entry, now: u64) {
        for (name, breaker) in &entry.breakers {
            let Some((terms, counts)) = self.0.get_mut(&**name) else { continue };
            let count = match breaker.state(terms, now) {
                State::Closed => &mut counts.closed,
                State::PartlyOpen => &mut counts.partly_open,
                State::Open => &mut counts.open,
                State::HalfOpen => &mut counts.half_open,
            };
            *count += 1;
            if breaker.sample.reached != Reached::default() {
                counts.overflow += 1;
            }
        }
    }
}

/// Registers what is counted of the breakers under the prefix `ferrox_xds`.
pub fn register(breakers: &Arc<Breakers>, registry: &mut Registry) {
    registry.sub_registry_with_prefix("ferrox_xds").register_collector(Box::new(Arc::clone(breakers)));
}

impl Collector for Breakers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(model) = self.publication.model().filter(|_| self.interval.is_some()) else {
            return Ok(());
        };
        let connected = Proxy::connected(&self.nodes);
        let book = self.book();
        let (mut totals, mut unknown, now) = (Totals::new(&model), 0_u64, unix_now());
        for proxy in &connected {
            let entry = book.entry(proxy);
            match (self.unknown(proxy, entry), entry) {
                (None, Some(entry)) => totals.add(entry, now),
                _ => unknown += 1,
            }
        }

        let help = "Nodes by the state of their breaker for an upstream; overflow comes on top of a state";
        let mut breakers = encoder.encode_descriptor("breakers", help, None, MetricType::Gauge)?;
        for (upstream, (_, counts)) in &totals.0 {
            for (state, count) in counts.by_name() {
                let labels = [("upstream", *upstream), ("state", state)];
                breakers.encode_family(&labels)?.encode_gauge(&count)?;
            }
        }
        let help = "Breakers that were seen to open";
        let mut openings = encoder.encode_descriptor("breaker_openings", help, None, MetricType::Counter)?;
        for upstream in totals.0.keys() {
            let labels = [("upstream", *upstream)];
            let count = book.openings(upstream);
            openings.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        let help = "Nodes whose breakers are unknown";
        encoder
            .encode_descriptor("breaker_unknown_nodes", help, None, MetricType::Gauge)?
            .encode_gauge(&unknown)
    }
}

impl fmt::Debug for Breakers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Breakers").field("interval", &self.interval).finish_non_exhaustive()
    }
}
