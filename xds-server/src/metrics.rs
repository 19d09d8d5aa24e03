//! What the server counts, for Prometheus.

use std::collections::BTreeMap;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Counters and gauges of the server.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Nodes connected now.
    pub connected_nodes: Gauge,
    /// Streams refused since the client's certificate does not name the node.
    pub denied_nodes: Counter,
    /// Id of the release that is served; 0 before there is one.
    pub release: Gauge,
    /// Problems in the rows that are not served because of them.
    pub problems: Gauge,
    /// 1 while PostgreSQL can be read, else 0.
    pub database_up: Gauge,
    /// Reports of the use of API keys that were taken.
    pub key_usage_reports_received: Counter,
    /// Reports of the use of API keys that were refused.
    pub key_usage_reports_refused: Counter,
    /// Rows of `api_key_usage` that were written.
    pub key_usage_rows_written: Counter,
    sent: Family<KindLabel, Counter>,
    accepted: Family<KindLabel, Counter>,
    refused: Family<KindLabel, Counter>,
    certificate_not_after: Family<CertificateLabel, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CertificateLabel {
    certificate: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

impl Metrics {
    /// Registers all of them under the prefix `ferrox_xds`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("ferrox_xds");
        registry.register("connected_nodes", "Nodes connected now", self.connected_nodes.clone());
        registry.register(
            "denied_nodes",
            "Streams refused since the certificate does not name the node",
            self.denied_nodes.clone(),
        );
        registry.register("release", "Id of the release that is served", self.release.clone());
        registry.register("problems", "Problems that keep the rows from being served", self.problems.clone());
        registry.register("database_up", "Whether PostgreSQL can be read", self.database_up.clone());
        registry.register("responses_sent", "Responses sent to nodes", self.sent.clone());
        registry.register("responses_accepted", "Responses that nodes accepted", self.accepted.clone());
        registry.register("responses_refused", "Responses that nodes refused", self.refused.clone());
        registry.register(
            "key_usage_reports_received",
            "Reports of the use of API keys that were taken",
            self.key_usage_reports_received.clone(),
        );
        registry.register(
            "key_usage_reports_refused",
            "Reports of the use of API keys that were refused",
            self.key_usage_reports_refused.clone(),
        );
        registry.register(
            "key_usage_rows_written",
            "Rows of api_key_usage that were written",
            self.key_usage_rows_written.clone(),
        );
        registry.register(
            "certificate_not_after_seconds",
            "When each certificate that listeners show expires, in seconds since 1970",
            self.certificate_not_after.clone(),
        );
    }

    /// The certificates that listeners show now, with their expiry, and those that they no longer do.
    pub(crate) fn certificates(&self, gone: impl Iterator<Item = String>, shown: &BTreeMap<String, i64>) {
        for certificate in gone {
            self.certificate_not_after.remove(&CertificateLabel { certificate });
        }
        for (certificate, expiry) in shown {
            let label = CertificateLabel { certificate: certificate.clone() };
            self.certificate_not_after.get_or_create(&label).set(*expiry);
        }
    }

    pub(crate) fn sent(&self, kind: &'static str) {
        self.sent.get_or_create(&KindLabel { kind }).inc();
    }

    pub(crate) fn accepted(&self, kind: &'static str) {
        self.accepted.get_or_create(&KindLabel { kind }).inc();
    }

    pub(crate) fn refused(&self, kind: &'static str) {
        self.refused.get_or_create(&KindLabel { kind }).inc();
    }
}
