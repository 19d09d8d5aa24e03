//! The discovery services of gRPC: the aggregated one (ADS) and one for each kind, each in both variants.

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body as AnyBody,
    extract::Request as HttpRequest,
    http::{HeaderMap, header::CONTENT_TYPE},
    response::Response as HttpResponse,
    routing::post,
};
use tokio::sync::watch;
use tonic::{
    Request, Status, Streaming,
    metadata::{GRPC_CONTENT_TYPE, MetadataValue},
};
use tonic_prost::ProstDecoder;

use super::{
    body::{self, Body},
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

/// The one encoding of messages that is understood: none.
const IDENTITY: &str = "identity";

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
        router.fallback(|| ready(Status::unimplemented("there is no such method").into_http::<AnyBody>()))
    }

    fn route<P: Protocol>(self: &Arc<Self>, router: Router, path: &str, only: Option<Kind>) -> Router {
        let method = Method { discovery: Arc::clone(self), only };
        router.route(path, post(async move |request: HttpRequest| method.open::<P>(request)))
    }
}

#[derive(Clone)]
struct Method {
    discovery: Arc<Discovery>,
    only: Option<Kind>,
}

impl Method {
    fn open<P: Protocol>(&self, request: HttpRequest) -> HttpResponse {
        if let Err(status) = check_encoding(request.headers()) {
            return status.into_http();
        }
        let request = Request::from_http(request.map(|body| {
            let decoder = ProstDecoder::<P::Request>::default();
            Streaming::new_request(decoder, body, None, Some(MAX_REQUEST_BYTES))
        }));
        let mut response = HttpResponse::new(AnyBody::new(self.serve::<P>(request)));
        response.headers_mut().insert(CONTENT_TYPE, GRPC_CONTENT_TYPE);
        response
    }

    fn serve<P: Protocol>(&self, requests: Request<Streaming<P::Request>>) -> Body {
        let Self { discovery, only } = self;
        let link = Link {
            peer: Peer::of(requests.extensions()),
            address: requests.remote_addr().map(|address| address.ip().to_canonical()),
            id: discovery.streams.fetch_add(1, Ordering::Relaxed),
            only: *only,
            releases: discovery.releases.clone(),
            observer: Arc::clone(&discovery.observer),
            grace: discovery.grace,
        };
        let (responses, body) = body::channel();
        tokio::spawn(stream::serve::<P>(link, requests.into_inner(), responses));
        body
    }
}

/// Refuses compressed requests, and says what is accepted (gRPC, "Compression", doc/compression.md).
fn check_encoding(headers: &HeaderMap) -> Result<(), Status> {
    match headers.get("grpc-encoding") {
        None => Ok(()),
        Some(encoding) if encoding == IDENTITY => Ok(()),
        Some(encoding) => {
            let mut status = Status::unimplemented(format!("encoding {encoding:?} is not supported"));
            status.metadata_mut().insert("grpc-accept-encoding", MetadataValue::from_static(IDENTITY));
            Err(status)
        }
    }
}
