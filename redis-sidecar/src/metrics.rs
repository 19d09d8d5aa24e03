//! What the sidecar counts, for Prometheus.

use std::{fmt, time::Duration};

use ferrox_policy::sidecar::LimitsResponse;
use prometheus_client::{
    encoding::text,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::failure::{Failure, RedisFailure};

/// Upper bounds of the histogram of round trips, in seconds.
const ROUND_TRIP_BUCKETS: [f64; 11] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0];

/// A label and its value, both constants of the program: series are never deleted.
type Label = [(&'static str, &'static str); 1];

/// The metrics, and the registry that shows them.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    decisions: Family<Label, Counter>,
    lookups: Family<Label, Counter>,
    stores: Family<Label, Counter>,
    redis_failures: Family<Label, Counter>,
    round_trips: Histogram,
    /// Requests that have a place now.
    pub(crate) waiting: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("ferrox_sidecar");
        let decisions = counters("outcome", &["allowed", "denied", "failed"]);
        let lookups = counters("outcome", &["hit", "miss", "failed"]);
        let stores = counters("outcome", &["stored", "failed"]);
        let redis_failures = counters("reason", &[&RedisFailure::LABELS[..], &["shed"]].concat());
        let round_trips = Histogram::new(ROUND_TRIP_BUCKETS);
        let waiting = Gauge::default();
        registry.register("limit_decisions", "Decisions on limits", decisions.clone());
        registry.register("cache_lookups", "Look-ups of cache entries", lookups.clone());
        registry.register("cache_stores", "Cache entries to store", stores.clone());
        registry.register(
            "redis_failures",
            "Requests that Redis did not serve, or that were shed before they got there",
            redis_failures.clone(),
        );
        registry.register_with_unit(
            "redis_round_trip",
            "From sending a command to Redis to its answer or the time limit",
            Unit::Seconds,
            round_trips.clone(),
        );
        registry.register("requests_waiting", "Requests that wait for Redis now", waiting.clone());
        Self { registry, decisions, lookups, stores, redis_failures, round_trips, waiting }
    }

    /// The metrics in the OpenMetrics text format.
    pub(crate) fn encode(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }

    /// Counts a decision. A request that makes no sense led to none.
    pub(crate) fn decided(&self, decision: &Result<LimitsResponse, Failure>) {
        match decision {
            Ok(response) if response.allowed => count(&self.decisions, "outcome", "allowed"),
            Ok(_) => count(&self.decisions, "outcome", "denied"),
            Err(failure) => count_failed(&self.decisions, failure),
        }
    }

    /// Counts a look-up of a cache entry. A request that makes no sense led to none.
    pub(crate) fn looked_up(&self, found: &Result<Option<Vec<u8>>, Failure>) {
        match found {
            Ok(Some(_)) => count(&self.lookups, "outcome", "hit"),
            Ok(None) => count(&self.lookups, "outcome", "miss"),
            Err(failure) => count_failed(&self.lookups, failure),
        }
    }

    /// Counts a store of a cache entry. A request that makes no sense led to none.
    pub(crate) fn stored(&self, stored: &Result<(), Failure>) {
        match stored {
            Ok(()) => count(&self.stores, "outcome", "stored"),
            Err(failure) => count_failed(&self.stores, failure),
        }
    }

    /// Counts a request that Redis did not serve.
    pub(crate) fn redis_failed(&self, failure: &RedisFailure) {
        count(&self.redis_failures, "reason", failure.label());
    }

    /// Counts a request that found no place.
    pub(crate) fn shed(&self) {
        count(&self.redis_failures, "reason", "shed");
    }

    /// Records how long Redis took.
    pub(crate) fn round_trip(&self, took: Duration) {
        self.round_trips.observe(took.as_secs_f64());
    }
}

/// Counters for each value of a label. They begin at zero, so that the first event is an increase.
fn counters(label: &'static str, values: &[&'static str]) -> Family<Label, Counter> {
    let family = Family::default();
    for value in values {
        drop(family.get_or_create(&[(label, *value)]));
    }
    family
}

fn count(family: &Family<Label, Counter>, label: &'static str, value: &'static str) {
    family.get_or_create(&[(label, value)]).inc();
}

fn count_failed(family: &Family<Label, Counter>, failure: &Failure) {
    if failure.status().is_server_error() {
        count(family, "outcome", "failed");
    }
}
