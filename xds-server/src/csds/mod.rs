//! The client status discovery service (CSDS): what each connected node should run, and whether it does.
//!
//! It joins the books on the nodes with the release that is served. The books are kept by kind of resource, so a kind's
//! status is shown on each resource of that kind in the node's gateway, also where a node asked for some of them only.
//! What a wildcard does not bring is not shown.

mod matcher;
mod status;

use std::{pin::Pin, sync::Arc};

use envoy_types::pb::envoy::service::status::v3::{
    ClientStatusRequest, ClientStatusResponse,
    client_status_discovery_service_server::{
        ClientStatusDiscoveryService, ClientStatusDiscoveryServiceServer,
    },
};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use crate::{nodes::Nodes, xds::Releases};
use matcher::Matcher;

/// Largest answer, in bytes, so that asking costs the server no more memory than this for each question.
const MAX_RESPONSE_BYTES: usize = 32 << 20;

/// The service.
#[derive(Clone)]
pub struct ClientStatus {
    nodes: Arc<Nodes>,
    releases: Releases,
}

impl ClientStatus {
    /// A service that shows these nodes, and the latest of `releases`.
    #[must_use]
    pub fn new(nodes: Arc<Nodes>, releases: Releases) -> Self {
        Self { nodes, releases }
    }

    /// The service with its methods. Both answer for every connected node, or for those alone that the request's
    /// matchers name by their exact id; other matchers are refused with `INVALID_ARGUMENT`. An answer larger than 32 MiB
    /// is refused with `RESOURCE_EXHAUSTED`.
    pub fn into_service(self) -> ClientStatusDiscoveryServiceServer<impl ClientStatusDiscoveryService> {
        ClientStatusDiscoveryServiceServer::new(self)
    }

    fn answer(&self, request: &ClientStatusRequest) -> Result<ClientStatusResponse, Status> {
        let matcher = Matcher::parse(&request.node_matchers)?;
        let mut nodes = self.nodes.list();
        nodes.retain(|node| matcher.matches(&node.id));
        let release = self.releases.borrow().clone().unwrap_or_default();
        let config = status::of(&nodes, &release, !request.exclude_resource_contents, MAX_RESPONSE_BYTES);
        config.map(|config| ClientStatusResponse { config }).ok_or_else(|| {
            Status::resource_exhausted(format!(
                "the answer would be larger than {MAX_RESPONSE_BYTES} bytes: name a node, or exclude the contents"
            ))
        })
    }
}

#[tonic::async_trait]
impl ClientStatusDiscoveryService for ClientStatus {
    type StreamClientStatusStream = Pin<Box<dyn Stream<Item = Result<ClientStatusResponse, Status>> + Send>>;

    async fn stream_client_status(
        &self,
        request: Request<Streaming<ClientStatusRequest>>,
    ) -> Result<Response<Self::StreamClientStatusStream>, Status> {
        let service = self.clone();
        // Answers are made one by one, as the client takes them. An error of the connection ends the stream, as the end
        // of the requests does.
        let answers = request.into_inner().map(move |request| service.answer(&request?));
        Ok(Response::new(Box::pin(answers)))
    }

    async fn fetch_client_status(
        &self,
        request: Request<ClientStatusRequest>,
    ) -> Result<Response<ClientStatusResponse>, Status> {
        self.answer(request.get_ref()).map(Response::new)
    }
}
