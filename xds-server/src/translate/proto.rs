//! Protobuf's well-known types and the pieces of Envoy's API that several resources are made of.

use std::fmt::Display;

use bytes::Bytes;
use envoy_types::pb::{
    envoy::config::{
        core::v3::{
            Address, AggregatedConfigSource, ApiVersion, ConfigSource, Pipe, SocketAddress, address,
            config_source::ConfigSourceSpecifier, socket_address::PortSpecifier,
        },
        endpoint::v3::{Endpoint, LbEndpoint, lb_endpoint::HostIdentifier},
    },
    envoy::r#type::matcher::v3::RegexMatcher,
    google::protobuf::{Any, BoolValue, Duration, UInt32Value},
};
use prost::{Message, Name};

/// Encodes a message that has no map of several entries, which prost would encode in a random order.
pub(super) fn encode(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

/// A message with its type, under the same condition as [`encode`].
pub(super) fn any<T: Name>(message: &T) -> Any {
    Any { type_url: T::type_url(), value: message.encode_to_vec() }
}

pub(super) fn number(value: u32) -> Option<UInt32Value> {
    Some(UInt32Value { value })
}

/// A regular expression, which is matched against the whole text.
pub(super) fn regex(regex: &str) -> RegexMatcher {
    RegexMatcher { regex: regex.to_owned(), ..RegexMatcher::default() }
}

pub(super) fn yes() -> Option<BoolValue> {
    Some(BoolValue { value: true })
}

pub(super) fn no() -> Option<BoolValue> {
    Some(BoolValue { value: false })
}

/// No duration is near the limits of a number, so nothing is cut off.
pub(super) fn duration(duration: std::time::Duration) -> Option<Duration> {
    Some(Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    })
}

pub(super) fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

/// The stream that all resources come by.
pub(super) fn ads() -> Option<ConfigSource> {
    Some(ConfigSource {
        resource_api_version: ApiVersion::V3.into(),
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..ConfigSource::default()
    })
}

/// A socket at an IP address, or at a name where Envoy looks it up.
pub(super) fn address(host: &impl Display, port: u16) -> Option<Address> {
    let socket = SocketAddress {
        address: host.to_string(),
        port_specifier: Some(PortSpecifier::PortValue(port.into())),
        ..SocketAddress::default()
    };
    Some(Address { address: Some(address::Address::SocketAddress(socket)) })
}

pub(super) fn endpoint(host: &impl Display, port: u16) -> LbEndpoint {
    endpoint_at(address(host, port))
}

/// A Unix socket.
pub(super) fn pipe_endpoint(path: &str) -> LbEndpoint {
    let pipe = Pipe { path: path.to_owned(), ..Pipe::default() };
    endpoint_at(Some(Address { address: Some(address::Address::Pipe(pipe)) }))
}

fn endpoint_at(address: Option<Address>) -> LbEndpoint {
    LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(Endpoint { address, ..Endpoint::default() })),
        ..LbEndpoint::default()
    }
}
