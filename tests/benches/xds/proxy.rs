//! A simulated proxy: it subscribes as Envoy does and accepts whatever comes.

use std::{collections::BTreeMap, sync::Arc};

use envoy_types::pb::envoy::{
    config::core::v3::Node,
    service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest},
};
use ferrox_testbed::bootstrap::Protocol;
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};

use crate::{
    Failure,
    call::{Connection, Receiver, Sender},
    message::{Scanner, Summary},
    rows::Rows,
};

pub(crate) const CLUSTERS: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
pub(crate) const ENDPOINTS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
pub(crate) const FILTERS: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
pub(crate) const LISTENERS: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
pub(crate) const ROUTES: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";

pub(crate) const SCOPES: &str = "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration";

const SERVICE: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService";

/// Something was received and accepted.
pub(crate) struct Accepted {
    /// Which of the fleet's proxies did.
    pub(crate) proxy: usize,
    /// Type URL of what it was.
    pub(crate) type_url: String,
    /// Bytes of the response, without those of HTTP/2.
    pub(crate) bytes: usize,
    /// When the ACK was on its way.
    pub(crate) at: Instant,
    /// Whether the proxy now has something of each type.
    pub(crate) is_up: bool,
}

/// What a proxy tells: what it accepted, or why it is gone.
pub(crate) type Report = Result<Accepted, Failure>;

/// Who a proxy says it is.
pub(crate) fn node(name: String) -> Option<Node> {
    Some(Node { id: name, cluster: "ferrox".to_owned(), ..Node::default() })
}

/// Opens an aggregated stream.
pub(crate) async fn open(
    connection: &Connection,
    protocol: Protocol,
    first: &impl prost::Message,
) -> Result<(Sender, Receiver), Failure> {
    let method = match protocol {
        Protocol::Delta => "DeltaAggregatedResources",
        Protocol::Sotw => "StreamAggregatedResources",
    };
    let (mut sender, response) = connection.call(&format!("{SERVICE}/{method}")).await?;
    sender.send(first)?;
    Ok((sender, Receiver::new(response).await?))
}

/// A connected proxy.
pub(crate) struct Proxy {
    protocol: Protocol,
    rows: Rows,
    sender: Sender,
    receiver: Receiver,
    /// The last version and nonce of each type.
    last: BTreeMap<String, Summary>,
    /// A response of clusters that is accepted only when their endpoints have come (state of the world).
    warming: Option<Summary>,
}

impl Proxy {
    /// Waits its turn among those that start, opens its stream, and runs until something fails or nobody listens.
    pub(crate) async fn run(
        index: usize,
        protocol: Protocol,
        rows: Rows,
        connection: Arc<Connection>,
        turns: Arc<Semaphore>,
        reports: mpsc::UnboundedSender<Report>,
    ) {
        let failure = match Self::serve(index, protocol, rows, &connection, &turns, &reports).await {
            Ok(()) => return,
            Err(failure) => failure,
        };
        // Nobody listens when the fleet is sent home.
        let _ = reports.send(Err(format!("proxy {index}: {failure}").into()));
    }

    async fn serve(
        index: usize,
        protocol: Protocol,
        rows: Rows,
        connection: &Connection,
        turns: &Semaphore,
        reports: &mpsc::UnboundedSender<Report>,
    ) -> Result<(), Failure> {
        let mut turn = Some(turns.acquire().await?);
        let node = node(format!("proxy-{index}"));
        let type_url = CLUSTERS.to_owned();
        let (sender, receiver) = match protocol {
            Protocol::Delta => {
                open(connection, protocol, &DeltaDiscoveryRequest { node, type_url, ..Default::default() })
                    .await?
            }
            Protocol::Sotw => {
                open(connection, protocol, &DiscoveryRequest { node, type_url, ..Default::default() }).await?
            }
        };
        let mut this = Self { protocol, rows, sender, receiver, last: BTreeMap::new(), warming: None };
        // What a proxy has when it is up.
        let all = [CLUSTERS, ENDPOINTS, FILTERS, LISTENERS, rows.sharding.routes()];
        loop {
            let mut scanner = Scanner::default();
            let bytes = this.receiver.message(|piece| scanner.take(piece)).await?;
            let summary = scanner.finish()?;
            let type_url = summary.type_url.clone();
            this.accept(summary)?;
            let is_up = all.iter().all(|kind| this.last.contains_key(*kind));
            if is_up {
                turn = None;
            }
            let accepted = Accepted { proxy: index, type_url, bytes, at: Instant::now(), is_up };
            if reports.send(Ok(accepted)).is_err() {
                drop(turn);
                return Ok(());
            }
        }
    }

    /// Accepts a response, and asks for what follows from it.
    fn accept(&mut self, summary: Summary) -> Result<(), Failure> {
        let type_url = summary.type_url.clone();
        let is_first = !self.last.contains_key(&type_url);
        if self.protocol == Protocol::Sotw && type_url == CLUSTERS && !is_first {
            // Envoy repeats its request for endpoints when a cluster changed, and holds back the ACK of the cluster.
            self.warming = Some(summary);
            return self.request(ENDPOINTS);
        }
        self.last.insert(type_url.clone(), summary);
        self.acknowledge(&type_url)?;
        if type_url == ENDPOINTS
            && let Some(clusters) = self.warming.take()
        {
            self.last.insert(CLUSTERS.to_owned(), clusters);
            return self.acknowledge(CLUSTERS);
        }
        let follows: &[&str] = match type_url.as_str() {
            CLUSTERS if is_first => &[ENDPOINTS, LISTENERS],
            LISTENERS if is_first => &[FILTERS, self.rows.sharding.routes()],
            _ => &[],
        };
        follows.iter().try_for_each(|type_url| self.request(type_url))
    }

    /// Subscribes to a type, or repeats its subscription.
    fn request(&mut self, type_url: &str) -> Result<(), Failure> {
        let names = self.names(type_url);
        match self.protocol {
            Protocol::Delta => self.sender.send(&DeltaDiscoveryRequest {
                type_url: type_url.to_owned(),
                resource_names_subscribe: names,
                ..DeltaDiscoveryRequest::default()
            }),
            Protocol::Sotw => self.state(type_url, names),
        }
    }

    fn acknowledge(&mut self, type_url: &str) -> Result<(), Failure> {
        let names = self.names(type_url);
        match self.protocol {
            Protocol::Delta => {
                let nonce = self.last.get(type_url).map(|last| last.nonce.clone());
                self.sender.send(&DeltaDiscoveryRequest {
                    type_url: type_url.to_owned(),
                    response_nonce: nonce.unwrap_or_default(),
                    ..DeltaDiscoveryRequest::default()
                })
            }
            Protocol::Sotw => self.state(type_url, names),
        }
    }

    /// In the state-of-the-world variant each request says everything.
    fn state(&mut self, type_url: &str, resource_names: Vec<String>) -> Result<(), Failure> {
        let last = self.last.get(type_url);
        self.sender.send(&DiscoveryRequest {
            type_url: type_url.to_owned(),
            resource_names,
            version_info: last.map(|last| last.version.clone()).unwrap_or_default(),
            response_nonce: last.map(|last| last.nonce.clone()).unwrap_or_default(),
            ..DiscoveryRequest::default()
        })
    }

    /// The names that are subscribed to; none for what comes by wildcard.
    fn names(&self, type_url: &str) -> Vec<String> {
        match type_url {
            ENDPOINTS => self.rows.upstreams().collect(),
            ROUTES => vec!["ferrox".to_owned()],
            FILTERS => {
                ["ferrox.rate_limit.address", "ferrox.auth", "ferrox.rate_limit.identity", "ferrox.cache_key"]
                    .map(str::to_owned)
                    .to_vec()
            }
            _ => Vec::new(),
        }
    }
}
