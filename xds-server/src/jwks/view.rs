//! How fetching keys goes, for people and for Prometheus. The series are of the providers that are served and of no other.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Registry,
};
use serde::Serialize;

use super::{Jwks, Outcome};

/// How fetching the keys of a provider goes.
#[derive(Debug, Serialize)]
pub struct SourceStatus {
    /// Name of the provider.
    provider: String,
    /// What is fetched first, without its query.
    url: String,
    /// When good keys came last, in seconds since 1970; `None`: never.
    fetched_at: Option<i64>,
    /// Attempts in a row that failed.
    failures: i32,
    /// Why the last one did; `None`: it did not.
    error: Option<String>,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Changed, Self::Same, Self::Failed];

    const fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Same => "same",
            Self::Failed => "failed",
        }
    }
}

impl Jwks {
    /// How it goes, for each provider whose keys are fetched.
    #[must_use]
    pub fn status(&self) -> Vec<SourceStatus> {
        let Some(model) = self.publication.model() else { return Vec::new() };
        let book = self.book();
        let status = model.key_sources().iter().map(|source| {
            let fetch = book.fetch(&source.provider, &source.url);
            SourceStatus {
                provider: source.provider.clone(),
                url: source.shown_url().to_owned(),
                fetched_at: fetch.and_then(|fetch| fetch.fetched_at),
                failures: fetch.map_or(0, |fetch| fetch.failures),
                error: fetch.and_then(|fetch| fetch.error.clone()),
            }
        });
        status.collect()
    }
}

/// Registers what is counted of fetching keys under the prefix `ferrox_xds`.
pub fn register(jwks: &Arc<Jwks>, registry: &mut Registry) {
    registry.sub_registry_with_prefix("ferrox_xds").register_collector(Box::new(Arc::clone(jwks)));
}

impl Collector for Jwks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(model) = self.publication.model() else { return Ok(()) };
        let book = self.book();
        let help = "Seconds since good keys of a provider came last";
        let mut ages = encoder.encode_descriptor("jwks_age_seconds", help, None, MetricType::Gauge)?;
        for source in model.key_sources() {
            if let Some(age) = book.fetch(&source.provider, &source.url).and_then(|fetch| fetch.age) {
                ages.encode_family(&[("provider", source.provider.as_str())])?.encode_gauge(&age)?;
            }
        }
        let help = "Attempts of this server to fetch keys";
        let mut fetches = encoder.encode_descriptor("jwks_fetches", help, None, MetricType::Counter)?;
        for source in model.key_sources() {
            for outcome in Outcome::ALL {
                let labels = [("provider", source.provider.as_str()), ("outcome", outcome.name())];
                let count = book.outcomes.get(&(source.provider.clone(), outcome)).copied().unwrap_or(0);
                fetches.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        Ok(())
    }
}
