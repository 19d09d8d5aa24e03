//! The client status discovery service over real gRPC, beside nodes that speak xDS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed expectation in a test is a failed test"
)]

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use envoy_types::pb::{
    envoy::{
        config::core::v3::Node,
        service::{
            discovery::v3::{
                DeltaDiscoveryRequest, DeltaDiscoveryResponse,
                aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
            },
            status::v3::{
                ClientConfig, ClientStatusRequest, ConfigStatus, client_config::GenericXdsConfig,
                client_status_discovery_service_client::ClientStatusDiscoveryServiceClient,
            },
        },
        r#type::matcher::v3::{NodeMatcher, StringMatcher, StructMatcher, string_matcher::MatchPattern},
    },
    google::rpc,
};
use ferrox_xds_server::{
    csds::ClientStatus,
    nodes::Nodes,
    snapshot::{Gateways, Kind, Resource},
    xds::{Discovery, Event, Observer, StreamId},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{
    Code, Status, Streaming,
    service::Routes,
    transport::{Channel, Server, server::TcpIncoming},
};

/// Longest wait for anything that should happen at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tells of each event after it is in the books.
struct Witnessed {
    nodes: Arc<Nodes>,
    events: mpsc::UnboundedSender<Event>,
}

impl Observer for Witnessed {
    fn observe(&self, stream: StreamId, event: Event) {
        self.nodes.observe(stream, event.clone());
        // A test that has ended wants to know no more.
        let _ = self.events.send(event);
    }
}

struct Control {
    address: SocketAddr,
    releases: watch::Sender<Option<Arc<Gateways>>>,
    events: mpsc::UnboundedReceiver<Event>,
}

type Contents<'a> = &'a [(Kind, &'a str, u8)];

impl Control {
    async fn start() -> Self {
        let (releases, receiver) = watch::channel(None);
        let (sender, events) = mpsc::unbounded_channel();
        let nodes = Arc::new(Nodes::new(Arc::default()));
        let observer = Arc::new(Witnessed { nodes: Arc::clone(&nodes), events: sender });
        let discovery = Discovery::new(receiver.clone(), observer, Duration::from_secs(60));
        let routes = Routes::from(discovery.into_router())
            .add_service(ClientStatus::new(nodes, receiver).into_service());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(Server::builder().add_routes(routes).serve_with_incoming(TcpIncoming::from(listener)));
        Self { address, releases, events }
    }

    /// Publishes what the gateway `g` should run; each resource is 64 times one byte.
    fn publish(&self, contents: Contents<'_>) {
        self.publish_resources(
            contents.iter().map(|(kind, name, byte)| Resource::new(*kind, *name, vec![*byte; 64])).collect(),
        );
    }

    fn publish_resources(&self, resources: Vec<Resource>) {
        let before = self.releases.borrow().clone().unwrap_or_default();
        let release = before.succeeded_by(BTreeMap::from([("g".to_owned(), resources)]));
        self.releases.send_replace(Some(Arc::new(release)));
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    /// Waits until the books say so.
    async fn until(&mut self, wanted: impl Fn(&Event) -> bool) {
        let come = async { while !wanted(&self.events.recv().await.unwrap()) {} };
        timeout(PATIENCE, come).await.expect("the event");
    }

    async fn ask(&self, request: ClientStatusRequest) -> Result<Vec<ClientConfig>, Status> {
        let mut client =
            ClientStatusDiscoveryServiceClient::new(self.channel().await).max_decoding_message_size(64 << 20);
        let answer = timeout(PATIENCE, client.fetch_client_status(request)).await.unwrap();
        answer.map(|answer| answer.into_inner().config)
    }

    /// What is shown of the node `id`, by kind and name.
    async fn shown(&self, id: &str) -> BTreeMap<(Kind, String), GenericXdsConfig> {
        let configs = self.ask(about([exact(id)])).await.unwrap();
        assert_eq!(configs.len(), 1, "one node");
        let shown = configs.into_iter().flat_map(|config| config.generic_xds_configs);
        shown.map(|config| ((Kind::of(&config.type_url).unwrap(), config.name.clone()), config)).collect()
    }

    async fn status(&self, kind: Kind) -> ConfigStatus {
        self.shown("n").await[&(kind, "a".to_owned())].config_status()
    }
}

/// A node of the gateway `g`.
struct Proxy {
    sender: mpsc::Sender<DeltaDiscoveryRequest>,
    responses: Streaming<DeltaDiscoveryResponse>,
}

impl Proxy {
    async fn connect(control: &mut Control, id: &str) -> Self {
        let (sender, receiver) = mpsc::channel(16);
        let mut client = AggregatedDiscoveryServiceClient::new(control.channel().await);
        let responses = client.delta_aggregated_resources(ReceiverStream::new(receiver)).await.unwrap();
        let proxy = Self { sender, responses: responses.into_inner() };
        let node = Node { id: id.to_owned(), cluster: "g".to_owned(), ..Node::default() };
        proxy.send(DeltaDiscoveryRequest { node: Some(node), ..subscription(Kind::Cluster, &[]) }).await;
        control.until(|event| matches!(event, Event::Opened { .. })).await;
        proxy
    }

    async fn send(&self, request: DeltaDiscoveryRequest) {
        timeout(PATIENCE, self.sender.send(request)).await.unwrap().unwrap();
    }

    async fn response(&mut self) -> DeltaDiscoveryResponse {
        timeout(PATIENCE, self.responses.next()).await.unwrap().unwrap().unwrap()
    }

    /// Accepts a response, or refuses it for a reason.
    async fn answer(&self, response: &DeltaDiscoveryResponse, refusal: Option<&str>) {
        let error_detail =
            refusal.map(|message| rpc::Status { message: message.to_owned(), ..rpc::Status::default() });
        self.send(DeltaDiscoveryRequest {
            type_url: response.type_url.clone(),
            response_nonce: response.nonce.clone(),
            error_detail,
            ..DeltaDiscoveryRequest::default()
        })
        .await;
    }
}

fn subscription(kind: Kind, names: &[&str]) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: kind.type_url().to_owned(),
        resource_names_subscribe: names.iter().map(ToString::to_string).collect(),
        ..DeltaDiscoveryRequest::default()
    }
}

fn is_accepted(event: &Event) -> bool {
    matches!(event, Event::Accepted { .. })
}

fn about(node_matchers: impl IntoIterator<Item = NodeMatcher>) -> ClientStatusRequest {
    ClientStatusRequest {
        node_matchers: node_matchers.into_iter().collect(),
        ..ClientStatusRequest::default()
    }
}

fn exact(id: &str) -> NodeMatcher {
    matching(MatchPattern::Exact(id.to_owned()), false)
}

fn matching(pattern: MatchPattern, ignore_case: bool) -> NodeMatcher {
    let node_id = StringMatcher { match_pattern: Some(pattern), ignore_case };
    NodeMatcher { node_id: Some(node_id), node_metadatas: Vec::new() }
}

fn ids(configs: &[ClientConfig]) -> Vec<&str> {
    configs.iter().map(|config| config.node.as_ref().unwrap().id.as_str()).collect()
}

#[tokio::test]
async fn each_resource_is_shown_as_not_sent_then_stale_then_synced() {
    let mut control = Control::start().await;
    let mut proxy = Proxy::connect(&mut control, "n").await;
    assert!(control.shown("n").await.is_empty(), "there is no release yet");

    control.publish(&[(Kind::Cluster, "a", 1), (Kind::Listener, "a", 2)]);
    let response = proxy.response().await;
    assert_eq!(control.status(Kind::Cluster).await, ConfigStatus::Stale);
    assert_eq!(control.status(Kind::Listener).await, ConfigStatus::NotSent);
    proxy.answer(&response, None).await;
    control.until(is_accepted).await;
    assert_eq!(control.status(Kind::Cluster).await, ConfigStatus::Synced);

    let shown = control.shown("n").await.remove(&(Kind::Cluster, "a".to_owned())).unwrap();
    assert_eq!(shown.version_info, response.resources[0].version);
    assert_eq!(shown.xds_config, response.resources[0].resource);
    assert_eq!(shown.error_state, None);
}

#[tokio::test]
async fn a_refusal_is_shown_with_its_reason_until_something_newer_is_sent() {
    let mut control = Control::start().await;
    control.publish(&[(Kind::Cluster, "a", 1)]);
    let mut proxy = Proxy::connect(&mut control, "n").await;
    let response = proxy.response().await;
    proxy.answer(&response, Some("no such thing")).await;
    control.until(|event| matches!(event, Event::Refused { .. })).await;
    let shown = control.shown("n").await.remove(&(Kind::Cluster, "a".to_owned())).unwrap();
    assert_eq!(shown.config_status(), ConfigStatus::Error);
    let error = shown.error_state.unwrap();
    assert_eq!(error.details, "no such thing");
    assert_eq!(error.version_info, response.system_version_info);
    assert!(error.last_update_attempt.unwrap().seconds > 0);

    control.publish(&[(Kind::Cluster, "a", 2)]);
    let response = proxy.response().await;
    assert_eq!(control.status(Kind::Cluster).await, ConfigStatus::Stale);
    proxy.answer(&response, None).await;
    control.until(is_accepted).await;
    assert_eq!(control.status(Kind::Cluster).await, ConfigStatus::Synced);
}

#[tokio::test]
async fn what_may_hold_secrets_and_what_is_not_asked_for_is_shown_without_content() {
    let mut control = Control::start().await;
    control.publish(&Kind::ALL.map(|kind| (kind, "a", 1)));
    let _proxy = Proxy::connect(&mut control, "n").await;
    let with_content = |shown: BTreeMap<(Kind, String), GenericXdsConfig>| -> Vec<Kind> {
        assert_eq!(shown.len(), Kind::ALL.len());
        assert!(shown.values().all(|config| !config.version_info.is_empty()));
        shown
            .into_iter()
            .filter(|(_, config)| config.xds_config.is_some())
            .map(|((kind, _), _)| kind)
            .collect()
    };
    let open = [Kind::Cluster, Kind::Endpoints, Kind::Listener, Kind::RouteConfiguration, Kind::ScopedRoutes];
    assert_eq!(with_content(control.shown("n").await), open);

    let request = ClientStatusRequest { exclude_resource_contents: true, ..about([]) };
    let configs = control.ask(request).await.unwrap();
    assert!(configs[0].generic_xds_configs.iter().all(|config| config.xds_config.is_none()));
}

#[tokio::test]
async fn nodes_are_listed_while_they_are_connected_and_found_by_their_exact_id() {
    let mut control = Control::start().await;
    control.publish(&[(Kind::Cluster, "a", 1)]);
    let _first = Proxy::connect(&mut control, "n-1").await;
    let second = Proxy::connect(&mut control, "n-2").await;
    assert_eq!(ids(&control.ask(about([])).await.unwrap()), ["n-1", "n-2"]);
    assert_eq!(ids(&control.ask(about([exact("n-2")])).await.unwrap()), ["n-2"]);
    assert_eq!(ids(&control.ask(about([exact("n-2"), exact("n-1")])).await.unwrap()), ["n-1", "n-2"]);
    assert!(control.ask(about([exact("n")])).await.unwrap().is_empty());
    drop(second);
    control.until(|event| *event == Event::Closed).await;
    assert_eq!(ids(&control.ask(about([])).await.unwrap()), ["n-1"]);
}

#[tokio::test]
async fn a_matcher_that_is_not_an_exact_id_is_refused() {
    let control = Control::start().await;
    let metadata = NodeMatcher { node_metadatas: vec![StructMatcher::default()], ..exact("n") };
    for matcher in [
        matching(MatchPattern::Prefix("n".to_owned()), false),
        matching(MatchPattern::Exact("n".to_owned()), true),
        metadata,
        NodeMatcher::default(),
    ] {
        let refused = control.ask(about([exact("n"), matcher])).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }
}

#[tokio::test]
async fn an_answer_larger_than_the_server_makes_is_refused() {
    let mut control = Control::start().await;
    let large = |name| Resource::new(Kind::Cluster, name, vec![1; 17 << 20]);
    control.publish_resources(vec![large("a"), large("b")]);
    let _proxy = Proxy::connect(&mut control, "n").await;
    assert_eq!(control.ask(about([])).await.unwrap_err().code(), Code::ResourceExhausted);
    let request = ClientStatusRequest { exclude_resource_contents: true, ..about([]) };
    assert_eq!(control.ask(request).await.unwrap()[0].generic_xds_configs.len(), 2);
}

#[tokio::test]
async fn a_stream_answers_each_question_and_ends_with_one_that_makes_no_sense() {
    let mut control = Control::start().await;
    control.publish(&[(Kind::Cluster, "a", 1)]);
    let (sender, receiver) = mpsc::channel(1);
    let mut client = ClientStatusDiscoveryServiceClient::new(control.channel().await);
    let answers = client.stream_client_status(ReceiverStream::new(receiver)).await.unwrap();
    let mut answers = answers.into_inner();
    let mut ask = async |request: ClientStatusRequest| {
        sender.send(request).await.unwrap();
        timeout(PATIENCE, answers.next()).await.unwrap().unwrap()
    };
    assert!(ask(about([])).await.unwrap().config.is_empty());
    let _proxy = Proxy::connect(&mut control, "n").await;
    assert_eq!(ids(&ask(about([])).await.unwrap().config), ["n"]);
    let refused = ask(about([NodeMatcher::default()])).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(timeout(PATIENCE, answers.next()).await.unwrap().is_none());
}
