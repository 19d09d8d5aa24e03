//! The two variants' messages, to and from what a session understands.

use envoy_types::pb::{
    envoy::{
        config::core::v3::Node as NodeMessage,
        service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest},
    },
    google::protobuf::{Struct, value},
};
use prost::Message;
use tonic::Status;

use super::{
    delta::{Delta, DeltaRequest},
    frames::{Frames, TooLarge},
    observer::{Node, Variant},
    session::{Answer, Response, Subscription},
    sotw::{Sotw, SotwRequest},
};
use crate::snapshot::Kind;

/// What a request means: its kind, its answer to an earlier response, and what it says about the subscription.
type Parsed<S> = (Kind, Option<Answer>, <S as Subscription>::Request);

/// A variant of the protocol on the wire.
pub(super) trait Protocol: Send + 'static {
    type Request: Message + Default + 'static;
    type Subscription: Subscription + Send;
    const VARIANT: Variant;

    /// Who sent a request, if it says so; only the first has to.
    fn node(request: &mut Self::Request) -> Option<Node>;

    /// What a request means, on a stream that is for one kind `only` or for all.
    fn parse(request: Self::Request, only: Option<Kind>) -> Result<Parsed<Self::Subscription>, Status>;

    /// A response as the frames of a message.
    fn encode(response: Response) -> Result<Frames, TooLarge>;
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
    Node {
        id: message.id,
        cluster: message.cluster,
        agent: shortened(agent, MAX_AGENT),
        status_port: message.metadata.as_ref().and_then(status_port),
    }
}

/// `ferrox.status_port`. What is no port is as good as none.
fn status_port(metadata: &Struct) -> Option<u16> {
    let ferrox = metadata.fields.get("ferrox")?.kind.as_ref()?;
    let value::Kind::StructValue(ferrox) = ferrox else { return None };
    let value::Kind::NumberValue(number) = *ferrox.fields.get("status_port")?.kind.as_ref()? else {
        return None;
    };
    // Numbers in a Struct are all floating-point.
    (1..=u16::MAX).find(|port| f64::from(*port) == number)
}

// A client chooses these texts, and they are kept and logged.

/// Most bytes of a proxy's name and version.
const MAX_AGENT: usize = 256;
/// Most bytes of a nonce; ours are shorter, and a longer one is none of ours.
const MAX_NONCE: usize = 64;
/// Most bytes of the reason for a refusal. Envoy lists every resource that it refuses.
const MAX_REFUSAL: usize = 16 << 10;

fn shortened(mut text: String, max: usize) -> String {
    text.truncate(text.floor_char_boundary(max));
    text
}

/// Which kind a request is about. A stream for one kind has it without saying (xDS protocol, "Resource types").
fn kind(type_url: &str, only: Option<Kind>) -> Result<Kind, Status> {
    match only {
        None if type_url.is_empty() => {
            Err(Status::invalid_argument("a request on an aggregated stream needs a type_url"))
        }
        Some(only) if type_url.is_empty() || type_url == only.type_url() => Ok(only),
        Some(only) => Err(Status::invalid_argument(format!(
            "this stream is for '{}', not for '{type_url}'",
            only.type_url()
        ))),
        None => Kind::of(type_url)
            .ok_or_else(|| Status::invalid_argument(format!("type_url '{type_url}' is not served"))),
    }
}

fn answer(nonce: String, error_detail: Option<envoy_types::pb::google::rpc::Status>) -> Option<Answer> {
    let refusal = error_detail.map(|detail| shortened(detail.message, MAX_REFUSAL));
    (!nonce.is_empty()).then(|| Answer { nonce: shortened(nonce, MAX_NONCE), refusal })
}

/// `envoy.service.discovery.v3.DeltaDiscoveryResponse` without its resources, which are encoded already.
#[derive(Clone, PartialEq, prost::Message)]
struct DeltaFields {
    #[prost(string, tag = "1")]
    system_version_info: String,
    #[prost(string, tag = "4")]
    type_url: String,
    #[prost(string, tag = "5")]
    nonce: String,
    #[prost(string, repeated, tag = "6")]
    removed_resources: Vec<String>,
}

/// `envoy.service.discovery.v3.DiscoveryResponse` without its resources, which are encoded already.
#[derive(Clone, PartialEq, prost::Message)]
struct SotwFields {
    #[prost(string, tag = "1")]
    version_info: String,
    #[prost(string, tag = "4")]
    type_url: String,
    #[prost(string, tag = "5")]
    nonce: String,
}

/// The incremental variant.
pub(super) struct DeltaProtocol;

impl Protocol for DeltaProtocol {
    type Request = DeltaDiscoveryRequest;
    type Subscription = Delta;
    const VARIANT: Variant = Variant::Delta;

    fn node(request: &mut Self::Request) -> Option<Node> {
        request.node.take().map(node)
    }

    fn parse(request: Self::Request, only: Option<Kind>) -> Result<Parsed<Delta>, Status> {
        let kind = kind(&request.type_url, only)?;
        let subscription = DeltaRequest {
            subscribe: request.resource_names_subscribe,
            unsubscribe: request.resource_names_unsubscribe,
            initial_versions: request.initial_resource_versions,
        };
        Ok((kind, answer(request.response_nonce, request.error_detail), subscription))
    }

    fn encode(response: Response) -> Result<Frames, TooLarge> {
        let Response { kind, nonce, version, update } = response;
        let fields = DeltaFields {
            system_version_info: version,
            type_url: kind.type_url().to_owned(),
            nonce,
            removed_resources: update.removed,
        };
        Frames::new(fields.encode_to_vec(), update.resources.iter().map(|resource| resource.delta()))
    }
}

/// The state-of-the-world variant.
pub(super) struct SotwProtocol;

impl Protocol for SotwProtocol {
    type Request = DiscoveryRequest;
    type Subscription = Sotw;
    const VARIANT: Variant = Variant::Sotw;

    fn node(request: &mut Self::Request) -> Option<Node> {
        request.node.take().map(node)
    }

    fn parse(request: Self::Request, only: Option<Kind>) -> Result<Parsed<Sotw>, Status> {
        let kind = kind(&request.type_url, only)?;
        let subscription = SotwRequest { names: request.resource_names, version: request.version_info };
        Ok((kind, answer(request.response_nonce, request.error_detail), subscription))
    }

    fn encode(response: Response) -> Result<Frames, TooLarge> {
        let Response { kind, nonce, version, update } = response;
        let fields = SotwFields { version_info: version, type_url: kind.type_url().to_owned(), nonce };
        Frames::new(fields.encode_to_vec(), update.resources.iter().map(|resource| resource.sotw()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{snapshot, xds::session::Update};
    use envoy_types::pb::{
        envoy::service::discovery::v3::{DeltaDiscoveryResponse, DiscoveryResponse, Resource},
        google::protobuf::{Any, Value},
    };

    fn response() -> Response {
        let resource = snapshot::Resource::new(Kind::Cluster, "a", vec![1]);
        Response {
            kind: Kind::Cluster,
            nonce: "n".to_owned(),
            version: "v".to_owned(),
            update: Update {
                resources: vec![resource.into()],
                removed: vec!["b".to_owned()],
                changed: Vec::new(),
            },
        }
    }

    #[test]
    fn what_a_client_says_is_cut_before_it_is_kept() {
        let detail = envoy_types::pb::google::rpc::Status {
            message: "\u{e9}".repeat(MAX_REFUSAL),
            ..Default::default()
        };
        let answer = answer("n".repeat(MAX_NONCE + 1), Some(detail)).unwrap();
        assert_eq!(
            (answer.nonce.len(), answer.refusal.map(|text| text.len())),
            (MAX_NONCE, Some(MAX_REFUSAL))
        );
        let agent = node(NodeMessage { user_agent_name: "a".repeat(9999), ..NodeMessage::default() }).agent;
        assert_eq!(agent.len(), MAX_AGENT);
    }

    #[test]
    fn a_status_port_is_a_number_from_1_to_65535() {
        let metadata = |port| {
            let number = |number| Value { kind: Some(value::Kind::NumberValue(number)) };
            let fields = HashMap::from([("status_port".to_owned(), number(port))]);
            let ferrox = Value { kind: Some(value::Kind::StructValue(Struct { fields })) };
            Struct { fields: HashMap::from([("ferrox".to_owned(), ferrox)]) }
        };
        for (number, port) in [(1.0, Some(1)), (9902.0, Some(9902)), (65535.0, Some(65535))] {
            assert_eq!(status_port(&metadata(number)), port);
        }
        for number in [0.0, -1.0, 0.5, 65536.0, f64::NAN, f64::INFINITY] {
            assert_eq!(status_port(&metadata(number)), None, "{number}");
        }
        assert_eq!(status_port(&Struct::default()), None);
    }

    /// The message that follows a prefix of five bytes.
    fn decoded<M: Message + Default>(frames: Result<Frames, TooLarge>) -> M {
        let bytes = frames.unwrap().collect::<Vec<_>>().concat();
        M::decode(&bytes[5..]).unwrap()
    }

    #[test]
    fn a_response_is_the_message_of_its_variant() {
        let any = Any { type_url: Kind::Cluster.type_url().to_owned(), value: vec![1] };
        let version = response().update.resources[0].version().to_owned();
        let resource =
            Resource { name: "a".to_owned(), version, resource: Some(any.clone()), ..Resource::default() };
        let delta = DeltaDiscoveryResponse {
            system_version_info: "v".to_owned(),
            resources: vec![resource],
            type_url: any.type_url.clone(),
            removed_resources: vec!["b".to_owned()],
            nonce: "n".to_owned(),
            ..DeltaDiscoveryResponse::default()
        };
        assert_eq!(decoded::<DeltaDiscoveryResponse>(DeltaProtocol::encode(response())), delta);

        let sotw = DiscoveryResponse {
            version_info: "v".to_owned(),
            type_url: any.type_url.clone(),
            resources: vec![any],
            nonce: "n".to_owned(),
            ..DiscoveryResponse::default()
        };
        assert_eq!(decoded::<DiscoveryResponse>(SotwProtocol::encode(response())), sotw);
    }
}
