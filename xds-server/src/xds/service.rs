//! The discovery services of gRPC: the aggregated one (ADS) and one for each kind, each in both variants.

use std::{
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::Request as HttpRequest, routing::post};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Response, Status, Streaming,
    server::{Grpc, StreamingService},
};
use tonic_prost::ProstCodec;

use super::{
    observer::Observer,
    peer::Peer,
    stream::{self, Link},
    wire::{DeltaProtocol, Protocol, SotwProtocol},
};
use crate::snapshot::{Gateways, Kind};

/// Where streams get what they serve. `None`: nothing is known yet, so nothing is answered.
pub type Releases = watch::Receiver<Option<Arc<Gateways>>>;

/// Largest request that is read, in bytes: 4 MiB holds some 100,000 names.
const MAX_REQUEST_BYTES: usize = 4 << 20;

/// Each service with the end of its methods' names and the kind that it is for.
const SERVICES: [(&str, &str, Option<Kind>); 8] = [
    ("envoy.service.discovery.v3.AggregatedDiscoveryService", "AggregatedResources", None),
    ("envoy.service.cluster.v3.ClusterDiscoveryService", "Clusters", Some(Kind::Cluster)),
    ("envoy.service.endpoint.v3.EndpointDiscoveryService", "Endpoints", Some(Kind::Endpoints)),
    (
        "envoy.service.extension.v3.ExtensionConfigDiscoveryService",
        "ExtensionConfigs",
        Some(Kind::ExtensionConfig),
    ),
    ("envoy.service.listener.v3.ListenerDiscoveryService", "Listeners", Some(Kind::Listener)),
    ("envoy.service.route.v3.RouteDiscoveryService", "Routes", Some(Kind::RouteConfiguration)),
    ("envoy.service.route.v3.ScopedRoutesDiscoveryService", "ScopedRoutes", Some(Kind::ScopedRoutes)),
    ("envoy.service.secret.v3.SecretDiscoveryService", "Secrets", Some(Kind::Secret)),
];

/// The discovery services.
pub struct Discovery {
    releases: Releases,
    observer: Arc<dyn Observer>,
    grace: Duration,
    streams: AtomicU64,
}

impl Discovery {
    /// Services that serve the latest of `releases` and tell `observer` what happens. Clusters are held back
    /// from removal until the client runs routes without them, and no longer than `grace`. Streams end when the sender of
    /// `releases` is dropped.
    #[must_use]
    pub fn new(releases: Releases, observer: Arc<dyn Observer>, grace: Duration) -> Self {
        Self { releases, observer, grace, streams: AtomicU64::new(0) }
    }

    /// Every method by its path. The methods for requests of REST (`Fetch…`) are not served.
    pub fn into_router(self) -> Router {
        let discovery = Arc::new(self);
        let mut router = Router::new();
        for (service, method, only) in SERVICES {
            router = discovery.route::<SotwProtocol>(router, &format!("/{service}/Stream{method}"), only);
            router = discovery.route::<DeltaProtocol>(router, &format!("/{service}/Delta{method}"), only);
        }
        router.fallback(|| {
            ready(Status::unimplemented("there is no such method").into_http::<axum::body::Body>())
        })
    }

    fn route<P: Protocol>(self: &Arc<Self>, router: Router, path: &str, only: Option<Kind>) -> Router {
        let method = Method { discovery: Arc::clone(self), only };
        router.route(
            path,
            post(async move |request: HttpRequest| {
                let codec = ProstCodec::<P::Response, P::Request>::default();
                let mut grpc = Grpc::new(codec).max_decoding_message_size(MAX_REQUEST_BYTES);
                grpc.streaming(Open::<P>(method, std::marker::PhantomData), request).await
            }),
        )
    }
}

#[derive(Clone)]
struct Method {
    discovery: Arc<Discovery>,
    only: Option<Kind>,
}

struct Open<P>(Method, std::marker::PhantomData<fn() -> P>);

impl<P: Protocol> StreamingService<P::Request> for Open<P> {
    type Response = P::Response;
    type ResponseStream = ReceiverStream<Result<P::Response, Status>>;
    type Future = Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<P::Request>>) -> Self::Future {
        let Method { discovery, only } = &self.0;
        let link = Link {
            peer: Peer::of(&request),
            id: discovery.streams.fetch_add(1, Ordering::Relaxed),
            only: *only,
            releases: discovery.releases.clone(),
            observer: Arc::clone(&discovery.observer),
            grace: discovery.grace,
        };
        // One response at a time: what a slow client has not taken yet is made when it takes it.
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(stream::serve::<P>(link, request.into_inner(), sender));
        ready(Ok(Response::new(ReceiverStream::new(receiver))))
    }
}
