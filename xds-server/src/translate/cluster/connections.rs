//! Connections of a cluster to its endpoints.

use envoy_types::pb::envoy::{
    config::{
        cluster::v3::UpstreamConnectionOptions,
        core::v3::{self as core, Http1ProtocolOptions, Http2ProtocolOptions},
    },
    extensions::upstreams::http::v3::{
        HttpProtocolOptions,
        http_protocol_options::{
            AutoHttpConfig, ExplicitHttpConfig, UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
        },
    },
};

use crate::{
    model::{Connections, HttpVersion},
    translate::proto,
};

/// What is spoken on the connections, and how long each is used.
pub(super) fn http(connections: &Connections) -> HttpProtocolOptions {
    HttpProtocolOptions {
        common_http_protocol_options: Some(core::HttpProtocolOptions {
            idle_timeout: proto::duration(connections.idle_timeout),
            max_requests_per_connection: connections.max_requests.and_then(|max| proto::number(max.get())),
            ..core::HttpProtocolOptions::default()
        }),
        upstream_protocol_options: Some(protocol(connections.protocol)),
        ..HttpProtocolOptions::default()
    }
}

fn protocol(protocol: HttpVersion) -> UpstreamProtocolOptions {
    match protocol {
        HttpVersion::Http1 => explicit(ProtocolConfig::HttpProtocolOptions(Http1ProtocolOptions::default())),
        HttpVersion::Http2 => explicit(ProtocolConfig::Http2ProtocolOptions(Http2ProtocolOptions::default())),
        HttpVersion::Auto => UpstreamProtocolOptions::AutoConfig(AutoHttpConfig {
            http_protocol_options: Some(Http1ProtocolOptions::default()),
            http2_protocol_options: Some(Http2ProtocolOptions::default()),
            ..AutoHttpConfig::default()
        }),
    }
}

pub(super) fn explicit(protocol: ProtocolConfig) -> UpstreamProtocolOptions {
    UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig { protocol_config: Some(protocol) })
}

pub(super) fn tcp(connections: &Connections) -> Option<UpstreamConnectionOptions> {
    let keepalive = connections.keepalive.as_ref()?;
    let keepalive = core::TcpKeepalive {
        keepalive_probes: proto::number(keepalive.probes),
        keepalive_time: proto::number(keepalive.idle_seconds),
        keepalive_interval: proto::number(keepalive.interval_seconds),
    };
    Some(UpstreamConnectionOptions { tcp_keepalive: Some(keepalive), ..UpstreamConnectionOptions::default() })
}
