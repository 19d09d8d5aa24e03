//! The discovery services over real gRPC: what is refused and how, and that no stream disturbs another.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed expectation in a test is a failed test"
)]

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use envoy_types::pb::envoy::{
    config::core::v3::Node,
    service::{
        cluster::v3::cluster_discovery_service_client::ClusterDiscoveryServiceClient,
        discovery::v3::{
            DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest,
            aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
        },
        endpoint::v3::endpoint_discovery_service_client::EndpointDiscoveryServiceClient,
        extension::v3::extension_config_discovery_service_client::ExtensionConfigDiscoveryServiceClient,
        listener::v3::listener_discovery_service_client::ListenerDiscoveryServiceClient,
        route::v3::route_discovery_service_client::RouteDiscoveryServiceClient,
        secret::v3::secret_discovery_service_client::SecretDiscoveryServiceClient,
    },
};
use ferrox_xds_server::{
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
    metadata::MetadataValue,
    service::Routes,
    transport::{Channel, Server, server::TcpIncoming},
};

/// Longest wait for anything that should happen at once.
const PATIENCE: Duration = Duration::from_secs(30);

struct Nobody;

impl Observer for Nobody {
    fn observe(&self, _stream: StreamId, _event: Event) {}
}

struct Control {
    address: SocketAddr,
    releases: watch::Sender<Option<Arc<Gateways>>>,
}

type Contents<'a> = &'a [(&'a str, &'a [(Kind, &'a str, u8)])];

impl Control {
    /// A server that serves these resources of these gateways.
    async fn start(contents: Contents<'_>) -> Self {
        let (releases, receiver) = watch::channel(None);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let discovery = Discovery::new(receiver, Arc::new(Nobody), Duration::from_secs(60));
        let server = Server::builder().add_routes(Routes::from(discovery.into_router()));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        let this = Self { address, releases };
        this.publish(contents);
        this
    }

    fn publish(&self, contents: Contents<'_>) {
        self.publish_sized(contents, 1);
    }

    /// Publishes resources of this many bytes each.
    fn publish_sized(&self, contents: Contents<'_>, size: usize) {
        let resources = contents.iter().map(|(gateway, resources)| {
            let resources =
                resources.iter().map(|(kind, name, byte)| Resource::new(*kind, *name, vec![*byte; size]));
            ((*gateway).to_owned(), resources.collect())
        });
        let before = self.releases.borrow().clone().unwrap_or_default();
        let release = before.succeeded_by(resources.collect::<BTreeMap<_, Vec<_>>>());
        self.releases.send_replace(Some(Arc::new(release)));
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    /// An aggregated delta stream; what is sent into it, and what comes out.
    async fn delta(&self) -> Delta {
        let (sender, receiver) = mpsc::channel(16);
        let mut client = AggregatedDiscoveryServiceClient::new(self.channel().await);
        let responses = client.delta_aggregated_resources(ReceiverStream::new(receiver)).await.unwrap();
        Delta { sender, responses: responses.into_inner() }
    }
}

struct Delta {
    sender: mpsc::Sender<DeltaDiscoveryRequest>,
    responses: Streaming<DeltaDiscoveryResponse>,
}

impl Delta {
    async fn send(&self, request: DeltaDiscoveryRequest) {
        timeout(PATIENCE, self.sender.send(request)).await.unwrap().unwrap();
    }

    async fn response(&mut self) -> DeltaDiscoveryResponse {
        timeout(PATIENCE, self.responses.next()).await.unwrap().unwrap().unwrap()
    }

    async fn refusal(&mut self) -> Status {
        timeout(PATIENCE, self.responses.next()).await.unwrap().unwrap().unwrap_err()
    }
}

fn node(cluster: &str) -> Option<Node> {
    Some(Node { id: "n".to_owned(), cluster: cluster.to_owned(), ..Node::default() })
}

fn request(cluster: &str, kind: Kind, names: &[&str]) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        node: node(cluster),
        type_url: kind.type_url().to_owned(),
        resource_names_subscribe: names.iter().map(ToString::to_string).collect(),
        ..DeltaDiscoveryRequest::default()
    }
}

fn names(response: &DeltaDiscoveryResponse) -> Vec<&str> {
    response.resources.iter().map(|resource| resource.name.as_str()).collect()
}

const ONE: Contents<'static> = &[("g", &[(Kind::Cluster, "a", 1)])];

#[tokio::test]
async fn each_gateway_is_served_its_own_and_an_unknown_one_nothing() {
    let contents: Contents<'_> = &[("g", &[(Kind::Cluster, "a", 1)]), ("h", &[(Kind::Cluster, "b", 1)])];
    let control = Control::start(contents).await;
    for (cluster, expected) in [("g", vec!["a"]), ("h", vec!["b"]), ("nobody", vec![])] {
        let mut stream = control.delta().await;
        stream.send(request(cluster, Kind::Cluster, &[])).await;
        assert_eq!(names(&stream.response().await), expected, "{cluster}");
    }
}

#[tokio::test]
async fn a_gateway_that_is_configured_later_reaches_the_nodes_that_wait_for_it() {
    let control = Control::start(ONE).await;
    let mut stream = control.delta().await;
    stream.send(request("later", Kind::Cluster, &[])).await;
    assert!(names(&stream.response().await).is_empty());
    control.publish(&[("later", &[(Kind::Cluster, "a", 1)])]);
    assert_eq!(names(&stream.response().await), ["a"]);
}

#[tokio::test]
async fn what_breaks_the_protocol_is_refused_with_a_status_that_says_why() {
    let control = Control::start(ONE).await;
    let without_node = DeltaDiscoveryRequest { node: None, ..request("g", Kind::Cluster, &[]) };
    let with_type = |type_url: &str| DeltaDiscoveryRequest {
        type_url: type_url.to_owned(),
        ..request("g", Kind::Cluster, &[])
    };
    for (bad, reason) in [
        (without_node, "must carry a node"),
        (request(&"g".repeat(1025), Kind::Cluster, &[]), "1024 bytes at most"),
        (with_type(""), "needs a type_url"),
        (with_type("type.googleapis.com/x.Y"), "'type.googleapis.com/x.Y' is not served"),
    ] {
        let mut stream = control.delta().await;
        stream.send(bad).await;
        let status = stream.refusal().await;
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(reason), "{status}");
    }
}

#[tokio::test]
async fn a_request_that_is_too_large_ends_its_stream_and_no_other() {
    let control = Control::start(ONE).await;
    let mut other = control.delta().await;
    other.send(request("g", Kind::Cluster, &[])).await;
    other.response().await;
    let mut stream = control.delta().await;
    stream.send(request("g", Kind::Endpoints, &[&"x".repeat(5 << 20)])).await;
    assert!(
        timeout(PATIENCE, stream.responses.next()).await.unwrap().is_none_or(|response| response.is_err())
    );
    control.publish(&[("g", &[(Kind::Cluster, "a", 2)])]);
    assert_eq!(names(&other.response().await), ["a"]);
}

#[tokio::test]
async fn a_hundred_thousand_names_are_taken_and_more_than_can_be_kept_are_refused() {
    let control = Control::start(&[("g", &[(Kind::Endpoints, "9", 1)])]).await;
    let mut stream = control.delta().await;
    let names_from = |from: usize| (from..from + 100_000).map(|n| n.to_string()).collect();
    let subscribe = |from: usize| DeltaDiscoveryRequest {
        resource_names_subscribe: names_from(from),
        ..request("g", Kind::Endpoints, &[])
    };
    stream.send(subscribe(0)).await;
    // Larger than what a client takes by default: all but one of the names do not exist.
    let response = stream.response().await;
    assert_eq!((names(&response), response.removed_resources.len()), (vec!["9"], 99_999));
    stream.send(subscribe(100_000)).await;
    stream.response().await;
    stream.send(subscribe(200_000)).await;
    assert_eq!(stream.refusal().await.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn a_client_that_never_reads_does_not_hold_up_others_and_gets_the_latest_in_the_end() {
    let control = Control::start(ONE).await;
    let mut lazy = control.delta().await;
    lazy.send(request("g", Kind::Cluster, &[])).await;
    let mut eager = control.delta().await;
    eager.send(request("g", Kind::Cluster, &[])).await;
    eager.response().await;
    // Each larger than what gRPC takes into its buffers for a client that does not read.
    let size = 256 << 10;
    for content in 2..=100 {
        control.publish_sized(&[("g", &[(Kind::Cluster, "a", content)])], size);
        eager.response().await;
    }
    let latest = Resource::new(Kind::Cluster, "a", vec![100; size]);
    let mut read = 1;
    while lazy.response().await.resources[0].version != latest.version() {
        read += 1;
    }
    // Its HTTP/2 window holds a few; the server keeps none for it.
    assert!(read < 50, "{read} of 100 were kept for it");
}

#[tokio::test]
async fn a_client_that_sends_without_end_does_not_hold_up_others() {
    let control = Control::start(ONE).await;
    let mut noisy = control.delta().await;
    let mut other = control.delta().await;
    noisy.send(request("g", Kind::Cluster, &[])).await;
    let noise = async {
        for _ in 0..20_000 {
            noisy.send(request("g", Kind::Cluster, &["a"])).await;
            noisy.response().await;
        }
    };
    let work = async {
        other.send(request("g", Kind::Cluster, &[])).await;
        other.response().await;
        for content in 2..=50 {
            control.publish(&[("g", &[(Kind::Cluster, "a", content)])]);
            assert_eq!(names(&other.response().await), ["a"]);
        }
    };
    tokio::select! {
        () = noise => panic!("the noise should outlast the work"),
        () = work => {}
    }
}

#[tokio::test]
async fn every_stream_ends_when_the_server_stops() {
    let control = Control::start(ONE).await;
    let mut stream = control.delta().await;
    stream.send(request("g", Kind::Cluster, &[])).await;
    stream.response().await;
    drop(control.releases);
    assert_eq!(stream.refusal().await.code(), Code::Unavailable);
}

/// Asks a service for one kind, in both variants, without a type URL.
macro_rules! serves {
    ($control:expr, $kind:expr, $client:ident, $stream:ident, $delta:ident) => {{
        let channel = $control.channel().await;
        let sotw = DiscoveryRequest {
            node: node("g"),
            resource_names: vec!["a".to_owned()],
            ..DiscoveryRequest::default()
        };
        let asked = tokio_stream::once(sotw).chain(tokio_stream::pending());
        let mut responses = $client::new(channel.clone()).$stream(asked).await.unwrap().into_inner();
        let response = timeout(PATIENCE, responses.next()).await.unwrap().unwrap().unwrap();
        assert_eq!((response.resources.len(), response.type_url.as_str()), (1, $kind.type_url()));

        let delta = DeltaDiscoveryRequest { type_url: String::new(), ..request("g", $kind, &["a"]) };
        let asked = tokio_stream::once(delta).chain(tokio_stream::pending());
        let mut responses = $client::new(channel.clone()).$delta(asked).await.unwrap().into_inner();
        let response = timeout(PATIENCE, responses.next()).await.unwrap().unwrap().unwrap();
        assert_eq!((names(&response), response.type_url.as_str()), (vec!["a"], $kind.type_url()));

        let wrong = DeltaDiscoveryRequest { type_url: "x".to_owned(), ..request("g", $kind, &["a"]) };
        let asked = tokio_stream::once(wrong).chain(tokio_stream::pending());
        let mut responses = $client::new(channel).$delta(asked).await.unwrap().into_inner();
        let status = timeout(PATIENCE, responses.next()).await.unwrap().unwrap().unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
    }};
}

#[tokio::test]
async fn each_kind_has_a_service_of_its_own_in_both_variants() {
    let resources = Kind::ALL.map(|kind| (kind, "a", 1));
    let control = Control::start(&[("g", &resources)]).await;
    serves!(control, Kind::Cluster, ClusterDiscoveryServiceClient, stream_clusters, delta_clusters);
    serves!(control, Kind::Endpoints, EndpointDiscoveryServiceClient, stream_endpoints, delta_endpoints);
    serves!(
        control,
        Kind::ExtensionConfig,
        ExtensionConfigDiscoveryServiceClient,
        stream_extension_configs,
        delta_extension_configs
    );
    serves!(control, Kind::Listener, ListenerDiscoveryServiceClient, stream_listeners, delta_listeners);
    serves!(control, Kind::RouteConfiguration, RouteDiscoveryServiceClient, stream_routes, delta_routes);
    serves!(control, Kind::Secret, SecretDiscoveryServiceClient, stream_secrets, delta_secrets);
}

#[tokio::test]
async fn resources_of_all_sizes_arrive_whole_in_both_variants() {
    let control = Control::start(&[]).await;
    // Around what is copied into one frame, what is sent without a copy, and what HTTP/2 has a window for.
    let sizes = [0, 1, 100, 4000, 4096, 5000, 16_000, 16_384, 70_000, 3 << 20];
    let resources: Vec<_> = (0..200_u8)
        .map(|n| {
            let size = sizes.get(usize::from(n)).copied().unwrap_or(usize::from(n) * 10);
            Resource::new(Kind::Cluster, format!("{n:03}"), vec![n; size])
        })
        .collect();
    let expected: Vec<_> = resources.iter().map(|resource| resource.encoded().to_vec()).collect();
    let release = Gateways::default().succeeded_by(BTreeMap::from([("g".to_owned(), resources)]));
    control.releases.send_replace(Some(Arc::new(release)));

    let mut delta = control.delta().await;
    delta.send(request("g", Kind::Cluster, &[])).await;
    let anys = delta.response().await.resources.into_iter().map(|resource| resource.resource.unwrap());
    assert!(anys.map(|any| any.value).eq(expected.iter().cloned()));

    let asked = DiscoveryRequest { node: node("g"), ..DiscoveryRequest::default() };
    let asked = tokio_stream::once(asked).chain(tokio_stream::pending());
    let mut client = ClusterDiscoveryServiceClient::new(control.channel().await);
    let mut responses = client.stream_clusters(asked).await.unwrap().into_inner();
    let response = timeout(PATIENCE, responses.next()).await.unwrap().unwrap().unwrap();
    assert!(response.resources.into_iter().map(|any| any.value).eq(expected));
}

#[tokio::test]
async fn a_compressed_request_is_refused_and_told_what_is_accepted() {
    let control = Control::start(ONE).await;
    let ask = async |encoding| {
        let asked = tokio_stream::once(request("g", Kind::Cluster, &[])).chain(tokio_stream::pending());
        let mut asked = tonic::Request::new(asked);
        asked.metadata_mut().insert("grpc-encoding", MetadataValue::from_static(encoding));
        AggregatedDiscoveryServiceClient::new(control.channel().await).delta_aggregated_resources(asked).await
    };
    let status = ask("gzip").await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(status.metadata().get("grpc-accept-encoding").unwrap(), "identity");
    assert!(ask("identity").await.is_ok());
}

#[tokio::test]
async fn a_method_that_is_not_served_says_so() {
    let control = Control::start(ONE).await;
    let mut client = ClusterDiscoveryServiceClient::new(control.channel().await);
    let status = client.fetch_clusters(DiscoveryRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}
