//! Canonical encodings of messages with maps.
//!
//! prost keeps maps in hash maps and so encodes their entries in a random order; Envoy would see a change where there
//! is none. The messages here have the field numbers of Envoy's, but sorted maps, and children that are encoded
//! already. A protobuf message may be encoded in pieces, one after the other, so a message's plain fields come first, from
//! Envoy's type, and then its maps and children, from here.

use std::collections::BTreeMap;

use bytes::Bytes;
use envoy_types::pb::{
    envoy::{
        config::route::v3::{Route, RouteConfiguration, ScopedRouteConfiguration},
        extensions::access_loggers::stream::v3::StdoutAccessLog,
    },
    google::protobuf::{Any, Value, value::Kind},
};
use prost::{Message, Name};

/// Strings by key, as a `google.protobuf.Struct`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Strings {
    #[prost(btree_map = "string, message", tag = "1")]
    fields: BTreeMap<String, Value>,
}

impl<const N: usize> From<[(&str, &str); N]> for Strings {
    fn from(fields: [(&str, &str); N]) -> Self {
        let value = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
        Self { fields: fields.into_iter().map(|(key, text)| (key.to_owned(), value(text))).collect() }
    }
}

/// The maps of a route, as lists of entries in the order in which they were added.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RouteMaps {
    #[prost(message, optional, tag = "4")]
    metadata: Option<Metadata>,
    #[prost(bytes = "bytes", repeated, tag = "13")]
    typed_per_filter_config: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    filter_metadata: Vec<Bytes>,
}

impl RouteMaps {
    /// Adds a namespace to the metadata: [`Strings`] by [`entry`].
    pub(super) fn metadata(&mut self, entry: Bytes) {
        self.metadata.get_or_insert_default().filter_metadata.push(entry);
    }

    /// Adds the configuration of a filter: an `Any` by [`entry`].
    pub(super) fn filter_config(&mut self, entry: Bytes) {
        self.typed_per_filter_config.push(entry);
    }
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

/// An entry of a map, which is a message of its own (protobuf encoding, "Maps").
pub(super) fn entry(key: &str, value: &impl Message) -> Bytes {
    Entry { key: key.to_owned(), value: value.encode_to_vec().into() }.encode_to_vec().into()
}

/// A virtual host with routes that are encoded already.
#[derive(Clone, PartialEq, Message)]
pub(super) struct VirtualHost {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, repeated, tag = "2")]
    pub(super) domains: Vec<String>,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub(super) routes: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct VirtualHosts {
    #[prost(message, repeated, tag = "2")]
    virtual_hosts: Vec<VirtualHost>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopedRoutes {
    #[prost(bytes = "bytes", tag = "5")]
    route_configuration: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct Log {
    #[prost(message, optional, tag = "1")]
    log_format: Option<LogFormat>,
}

#[derive(Clone, PartialEq, Message)]
struct LogFormat {
    #[prost(message, optional, tag = "2")]
    json_format: Option<Strings>,
}

/// A route whose maps are in `maps` and not in `plain`.
pub(super) fn route(plain: &Route, maps: &RouteMaps) -> Bytes {
    join(plain, maps)
}

/// A route configuration whose virtual hosts are in `virtual_hosts` and not in `plain`.
pub(super) fn route_configuration(plain: &RouteConfiguration, virtual_hosts: Vec<VirtualHost>) -> Bytes {
    join(plain, &VirtualHosts { virtual_hosts })
}

/// A scope whose route configuration is in `route_configuration` and not in `plain`.
pub(super) fn scope(plain: &ScopedRouteConfiguration, route_configuration: Bytes) -> Bytes {
    join(plain, &ScopedRoutes { route_configuration })
}

/// An access log on the standard output, a JSON object for each request.
pub(super) fn json_log(format: Strings) -> Any {
    let log = Log { log_format: Some(LogFormat { json_format: Some(format) }) };
    Any { type_url: StdoutAccessLog::type_url(), value: log.encode_to_vec() }
}

fn join(plain: &impl Message, rest: &impl Message) -> Bytes {
    let mut encoded = Vec::with_capacity(plain.encoded_len() + rest.encoded_len());
    // It fails only where there is no room, and a vector grows.
    plain.encode(&mut encoded).and_then(|()| rest.encode(&mut encoded)).unwrap_or_default();
    encoded.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use envoy_types::pb::{
        envoy::config::core::v3::{
            self as core, SubstitutionFormatString, substitution_format_string::Format,
        },
        envoy::config::route::v3 as route,
        envoy::extensions::access_loggers::stream::v3::stdout_access_log::AccessLogFormat,
        google::protobuf::Struct,
    };

    const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

    fn strings() -> Strings {
        Strings::from(KEYS.map(|key| (key, "value")))
    }

    /// The same in Envoy's own type.
    fn structure() -> Struct {
        Struct { fields: strings().fields.into_iter().collect() }
    }

    fn config(key: &str) -> Any {
        Any { type_url: key.to_owned(), value: vec![1] }
    }

    fn plain_route() -> Route {
        Route {
            name: "orders".to_owned(),
            request_headers_to_remove: vec!["x".to_owned()],
            ..Route::default()
        }
    }

    fn encoded() -> Bytes {
        let mut maps = RouteMaps::default();
        for key in KEYS {
            maps.metadata(entry(key, &strings()));
            maps.filter_config(entry(key, &config(key)));
        }
        let route = super::route(&plain_route(), &maps);
        let host = VirtualHost {
            name: "*".to_owned(),
            domains: vec!["*".to_owned()],
            routes: vec![route.clone(), route],
        };
        let configuration = RouteConfiguration { name: "ferrox".to_owned(), ..RouteConfiguration::default() };
        route_configuration(&configuration, vec![host.clone(), host])
    }

    #[test]
    fn fifty_encodings_are_the_same() {
        let first = encoded();
        assert!((0..50).all(|_| encoded() == first));
    }

    #[test]
    fn an_encoding_is_the_message_that_was_meant() {
        let metadata = core::Metadata {
            filter_metadata: KEYS.map(|key| (key.to_owned(), structure())).into(),
            ..core::Metadata::default()
        };
        let plain = Route {
            metadata: Some(metadata),
            typed_per_filter_config: KEYS.map(|key| (key.to_owned(), config(key))).into(),
            ..plain_route()
        };
        let host = route::VirtualHost {
            name: "*".to_owned(),
            domains: vec!["*".to_owned()],
            routes: vec![plain.clone(), plain],
            ..route::VirtualHost::default()
        };
        let meant = RouteConfiguration {
            name: "ferrox".to_owned(),
            virtual_hosts: vec![host.clone(), host],
            ..RouteConfiguration::default()
        };
        assert_eq!(RouteConfiguration::decode(encoded()).unwrap(), meant);
    }

    #[test]
    fn a_log_is_the_message_that_was_meant() {
        let format = SubstitutionFormatString {
            format: Some(Format::JsonFormat(structure())),
            ..SubstitutionFormatString::default()
        };
        let meant = StdoutAccessLog { access_log_format: Some(AccessLogFormat::LogFormat(format)) };
        assert_eq!(StdoutAccessLog::decode(json_log(strings()).value.as_slice()).unwrap(), meant);
    }
}
