//! Who is connected, what they run and what they refused.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use serde::{Serialize, Serializer};

use crate::{
    metrics::Metrics,
    snapshot::Kind,
    xds::{Event, Observer, StreamId, Variant},
};

/// The nodes that are connected now.
pub struct Nodes {
    streams: Mutex<BTreeMap<StreamId, NodeStatus>>,
    metrics: Arc<Metrics>,
}

/// A connected node.
#[derive(Debug, Clone, Serialize)]
pub struct NodeStatus {
    /// `node.id`.
    pub id: String,
    /// `node.cluster`.
    pub cluster: String,
    /// The proxy's name and version.
    pub agent: String,
    /// `delta` or `sotw`.
    pub variant: &'static str,
    /// When it connected, in seconds since 1970.
    pub connected_at: u64,
    /// Where others may read its statistics: the address that its stream comes from, with the port that it says.
    #[serde(skip)]
    pub status_address: Option<SocketAddr>,
    /// What it was sent and runs, by kind of resource.
    #[serde(serialize_with = "by_name")]
    pub resources: BTreeMap<Kind, KindStatus>,
}

/// What a node was sent and runs of one kind of resource. Versions depend on content alone, so two nodes with the
/// same version run the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct KindStatus {
    /// The version sent last.
    pub sent: Option<String>,
    /// The version accepted last.
    pub accepted: Option<String>,
    /// The last refusal, until a later version is accepted.
    pub refused: Option<Refusal>,
}

/// A version that a node refused, in full or in part (NACK).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Which.
    pub version: String,
    /// The node's reason.
    pub message: String,
    /// When, in seconds since 1970.
    pub at: u64,
}

impl Nodes {
    /// Nobody yet.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { streams: Mutex::default(), metrics }
    }

    /// Every connected node, in the order in which they connected.
    #[must_use]
    pub fn list(&self) -> Vec<NodeStatus> {
        self.streams().values().cloned().collect()
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<StreamId, NodeStatus>> {
        // No code panics while it holds the lock; if it did, the books would still be readable.
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, stream: StreamId, kind: Kind, change: impl FnOnce(&mut KindStatus)) {
        if let Some(node) = self.streams().get_mut(&stream) {
            change(node.resources.entry(kind).or_default());
        }
    }
}

/// The kind's name in the status, in metrics and in the log.
fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Cluster => "clusters",
        Kind::Endpoints => "endpoints",
        Kind::Secret => "secrets",
        Kind::ExtensionConfig => "extension_configs",
        Kind::Listener => "listeners",
        Kind::RouteConfiguration => "route_configurations",
        Kind::ScopedRoutes => "scoped_routes",
    }
}

fn by_name<S: Serializer>(resources: &BTreeMap<Kind, KindStatus>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(resources.iter().map(|(kind, status)| (name(*kind), status)))
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Observer for Nodes {
    fn observe(&self, stream: StreamId, event: Event) {
        match event {
            Event::Opened { node, address, variant } => {
                let variant = match variant {
                    Variant::Delta => "delta",
                    Variant::Sotw => "sotw",
                };
                tracing::info!(stream, node = node.id, cluster = node.cluster, variant, "node connected");
                let port = node.status_port;
                let status = NodeStatus {
                    status_address: address.zip(port).map(SocketAddr::from),
                    id: node.id,
                    cluster: node.cluster,
                    agent: node.agent,
                    variant,
                    connected_at: unix_now(),
                    resources: BTreeMap::new(),
                };
                self.streams().insert(stream, status);
                self.metrics.connected_nodes.inc();
            }
            Event::Denied { node } => {
                self.metrics.denied_nodes.inc();
                tracing::warn!(
                    stream,
                    node = node.id,
                    cluster = node.cluster,
                    "node denied by its certificate"
                );
            }
            Event::Sent { kind, version } => {
                self.metrics.sent(name(kind));
                self.note(stream, kind, |status| status.sent = Some(version));
            }
            Event::Current { kind, version } => self.note(stream, kind, |status| {
                status.sent = Some(version.clone());
                status.accepted = Some(version);
            }),
            Event::Accepted { kind, version } => {
                self.metrics.accepted(name(kind));
                self.note(stream, kind, |status| {
                    status.accepted = Some(version);
                    status.refused = None;
                });
            }
            Event::Refused { kind, version, message } => {
                self.metrics.refused(name(kind));
                tracing::warn!(stream, kind = name(kind), version, message, "node refused a configuration");
                let refusal = Refusal { version, message, at: unix_now() };
                self.note(stream, kind, |status| status.refused = Some(refusal));
            }
            Event::Closed => {
                if let Some(node) = self.streams().remove(&stream) {
                    tracing::info!(stream, node = node.id, "node disconnected");
                    self.metrics.connected_nodes.dec();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xds::Node;

    fn version(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn a_refusal_is_shown_until_a_later_version_is_accepted() {
        let nodes = Nodes::new(Arc::default());
        let kind = Kind::Cluster;
        nodes.observe(1, Event::Opened { node: Node::default(), address: None, variant: Variant::Delta });
        nodes.observe(1, Event::Sent { kind, version: version("1") });
        nodes.observe(1, Event::Refused { kind, version: version("1"), message: "no".to_owned() });
        let status = |nodes: &Nodes| nodes.list()[0].resources[&Kind::Cluster].clone();
        assert_eq!(status(&nodes).refused.unwrap().message, "no");
        nodes.observe(1, Event::Accepted { kind, version: version("2") });
        assert_eq!(status(&nodes).refused, None);
        assert_eq!(status(&nodes).accepted, Some(version("2")));
    }

    #[test]
    fn a_node_is_listed_while_it_is_connected() {
        let nodes = Nodes::new(Arc::default());
        let node = Node { id: "n".to_owned(), ..Node::default() };
        nodes.observe(7, Event::Opened { node, address: None, variant: Variant::Sotw });
        assert_eq!(nodes.list()[0].id, "n");
        nodes.observe(7, Event::Closed);
        assert!(nodes.list().is_empty());
    }
}
