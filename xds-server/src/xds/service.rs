//! The gRPC service: aggregated discovery (ADS) in both variants.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
    aggregated_discovery_service_server::{AggregatedDiscoveryService, AggregatedDiscoveryServiceServer},
};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{
    observer::Observer,
    stream::{self, Link},
    wire::{DeltaProtocol, Protocol, SotwProtocol},
};
use crate::snapshot::Snapshot;

/// Where streams get their snapshots. `None`: none is known yet, so nothing is answered.
pub type Snapshots = watch::Receiver<Option<Arc<Snapshot>>>;

/// Largest request that is read, in bytes: 4 MiB holds some 100,000 names.
const MAX_REQUEST_BYTES: usize = 4 << 20;

/// The aggregated discovery service.
pub struct Ads {
    snapshots: Snapshots,
    observer: Arc<dyn Observer>,
    grace: Duration,
    streams: AtomicU64,
}

impl Ads {
    /// A service that serves the latest of `snapshots` and tells `observer` what happens. Clusters are held back
    /// from removal until the client runs routes without them, and no longer than `grace`. Its streams end when the sender of
    /// `snapshots` is dropped.
    #[must_use]
    pub fn new(snapshots: Snapshots, observer: Arc<dyn Observer>, grace: Duration) -> Self {
        Self { snapshots, observer, grace, streams: AtomicU64::new(0) }
    }

    /// The service, ready to be added to a server.
    #[must_use]
    pub fn into_server(self) -> AggregatedDiscoveryServiceServer<Self> {
        AggregatedDiscoveryServiceServer::new(self).max_decoding_message_size(MAX_REQUEST_BYTES)
    }

    fn open<P: Protocol>(
        &self,
        requests: Streaming<P::Request>,
    ) -> ReceiverStream<Result<P::Response, Status>> {
        let link = Link {
            id: self.streams.fetch_add(1, Ordering::Relaxed),
            snapshots: self.snapshots.clone(),
            observer: Arc::clone(&self.observer),
            grace: self.grace,
        };
        // One response at a time: what a slow client has not taken yet is made when it takes it.
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(stream::serve::<P>(link, requests, sender));
        ReceiverStream::new(receiver)
    }
}

#[tonic::async_trait]
impl AggregatedDiscoveryService for Ads {
    type StreamAggregatedResourcesStream = ReceiverStream<Result<DiscoveryResponse, Status>>;
    type DeltaAggregatedResourcesStream = ReceiverStream<Result<DeltaDiscoveryResponse, Status>>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        Ok(Response::new(self.open::<SotwProtocol>(request.into_inner())))
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        Ok(Response::new(self.open::<DeltaProtocol>(request.into_inner())))
    }
}
