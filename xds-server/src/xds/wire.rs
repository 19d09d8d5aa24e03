//! The two variants' messages, to and from what a session understands.

use envoy_types::pb::{
    envoy::{
        config::core::v3::Node as NodeMessage,
        service::discovery::v3::{
            DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse, Resource,
        },
    },
    google::protobuf::Any,
};
use tonic::Status;

use super::{
    delta::{Delta, DeltaRequest},
    observer::{Node, Variant},
    session::{Answer, Response, Subscription},
    sotw::{Sotw, SotwRequest},
};
use crate::snapshot::{self, Kind};

/// What a request means: its kind, its answer to an earlier response, and what it says about the subscription.
type Parsed<S> = (Kind, Option<Answer>, <S as Subscription>::Request);

/// A variant of the protocol on the wire.
pub(super) trait Protocol: Send + 'static {
    type Request: Send + 'static;
    type Response: Send + 'static;
    type Subscription: Subscription + Send;
    const VARIANT: Variant;

    /// Who sent a request, if it says so; only the first has to.
    fn node(request: &mut Self::Request) -> Option<Node>;

    /// What a request means.
    fn parse(request: Self::Request) -> Result<Parsed<Self::Subscription>, Status>;

    /// A response as a message.
    fn encode(response: Response) -> Self::Response;
}

fn node(message: NodeMessage) -> Node {
    use envoy_types::pb::envoy::config::core::v3::node::UserAgentVersionType;
    let version = match message.user_agent_version_type {
        Some(UserAgentVersionType::UserAgentVersion(version)) => version,
        Some(UserAgentVersionType::UserAgentBuildVersion(build)) => build
            .version
            .map(|v| format!("{}.{}.{}", v.major_number, v.minor_number, v.patch))
            .unwrap_or_default(),
        None => String::new(),
    };
    let agent = format!("{} {version}", message.user_agent_name).trim().to_owned();
    Node { id: message.id, cluster: message.cluster, agent }
}

fn kind(type_url: &str) -> Result<Kind, Status> {
    if type_url.is_empty() {
        return Err(Status::invalid_argument("a request on an aggregated stream needs a type_url"));
    }
    Kind::of(type_url).ok_or_else(|| Status::invalid_argument(format!("type_url '{type_url}' is not served")))
}

fn answer(nonce: String, error_detail: Option<envoy_types::pb::google::rpc::Status>) -> Option<Answer> {
    (!nonce.is_empty()).then(|| Answer { nonce, refusal: error_detail.map(|detail| detail.message) })
}

fn any(resource: &snapshot::Resource) -> Any {
    Any { type_url: resource.kind().type_url().to_owned(), value: resource.encoded().to_vec() }
}

/// The incremental variant.
pub(super) struct DeltaProtocol;

impl Protocol for DeltaProtocol {
    type Request = DeltaDiscoveryRequest;
    type Response = DeltaDiscoveryResponse;
    type Subscription = Delta;
    const VARIANT: Variant = Variant::Delta;

    fn node(request: &mut Self::Request) -> Option<Node> {
        request.node.take().map(node)
    }

    fn parse(request: Self::Request) -> Result<Parsed<Delta>, Status> {
        let kind = kind(&request.type_url)?;
        let subscription = DeltaRequest {
            subscribe: request.resource_names_subscribe,
            unsubscribe: request.resource_names_unsubscribe,
            initial_versions: request.initial_resource_versions,
        };
        Ok((kind, answer(request.response_nonce, request.error_detail), subscription))
    }

    fn encode(response: Response) -> Self::Response {
        let resource = |resource: &std::sync::Arc<snapshot::Resource>| Resource {
            name: resource.name().to_owned(),
            version: resource.version().to_owned(),
            resource: Some(any(resource)),
            ..Resource::default()
        };
        DeltaDiscoveryResponse {
            system_version_info: response.version,
            resources: response.update.resources.iter().map(resource).collect(),
            type_url: response.kind.type_url().to_owned(),
            removed_resources: response.update.removed,
            nonce: response.nonce,
            ..DeltaDiscoveryResponse::default()
        }
    }
}

/// The state-of-the-world variant.
pub(super) struct SotwProtocol;

impl Protocol for SotwProtocol {
    type Request = DiscoveryRequest;
    type Response = DiscoveryResponse;
    type Subscription = Sotw;
    const VARIANT: Variant = Variant::Sotw;

    fn node(request: &mut Self::Request) -> Option<Node> {
        request.node.take().map(node)
    }

    fn parse(request: Self::Request) -> Result<Parsed<Sotw>, Status> {
        let kind = kind(&request.type_url)?;
        let subscription = SotwRequest { names: request.resource_names, version: request.version_info };
        Ok((kind, answer(request.response_nonce, request.error_detail), subscription))
    }

    fn encode(response: Response) -> Self::Response {
        DiscoveryResponse {
            version_info: response.version,
            resources: response.update.resources.iter().map(|resource| any(resource)).collect(),
            type_url: response.kind.type_url().to_owned(),
            nonce: response.nonce,
            ..DiscoveryResponse::default()
        }
    }
}
