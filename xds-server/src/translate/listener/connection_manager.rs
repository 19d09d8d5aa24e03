//! What the connections of a listener are treated by, hardened for the edge ("Configuring Envoy as an edge proxy" in
//! Envoy's manual).

use envoy_types::pb::envoy::{
    config::core::v3::{
        ExtensionConfigSource, Http2ProtocolOptions, HttpProtocolOptions,
        http_protocol_options::HeadersWithUnderscoresAction,
    },
    extensions::filters::{
        http::{router::v3::Router, wasm::v3::Wasm},
        network::http_connection_manager::v3::{
            HttpConnectionManager, HttpFilter, Rds, ScopedRds, ScopedRoutes,
            http_connection_manager::{
                CodecType, PathWithEscapedSlashesAction, RouteSpecifier, StripPortMode, UpgradeConfig,
            },
            http_filter::ConfigType,
            scoped_routes::{
                ConfigSpecifier, ScopeKeyBuilder,
                scope_key_builder::{
                    FragmentBuilder,
                    fragment_builder::{self, HeaderValueExtractor, header_value_extractor::ExtractType},
                },
            },
        },
    },
};
use envoy_types::pb::google::protobuf::BoolValue;
use prost::Name;

use super::redirect;
use crate::{
    model::{ClientAddress, Limits, Sharding},
    translate::{ROUTE_CONFIGURATION, access_log, filters, native_filters, proto},
};

/// What the requests of a listener are answered by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Requests {
    /// The routes of the gateway.
    Routes(Sharding),
    /// A redirect to https at this port, before anything else.
    Redirect(u16),
}

/// The connections of a listener.
pub(super) struct Connections<'a> {
    /// What the listener is called in Envoy.
    pub(super) listener: &'a str,
    pub(super) requests: Requests,
    pub(super) http2: bool,
    pub(super) client_address: ClientAddress,
    pub(super) limits: &'a Limits,
}

/// Their manager.
pub(super) fn connection_manager(connections: &Connections<'_>) -> HttpConnectionManager {
    let Connections { listener, requests, http2, client_address, limits } = *connections;
    let (route_specifier, http_filters) = match requests {
        Requests::Routes(Sharding::None) => (RouteSpecifier::Rds(one_route_configuration()), http_filters()),
        Requests::Routes(Sharding::Host) => {
            (RouteSpecifier::ScopedRoutes(scope_for_each_host()), http_filters())
        }
        Requests::Redirect(port) => (RouteSpecifier::RouteConfig(redirect::to_https(port)), vec![router()]),
    };
    HttpConnectionManager {
        stat_prefix: "ferrox".to_owned(),
        codec_type: if http2 { CodecType::Auto } else { CodecType::Http1 }.into(),
        route_specifier: Some(route_specifier),
        http_filters,
        // Off, until a route switches it on.
        upgrade_configs: vec![UpgradeConfig {
            upgrade_type: "websocket".to_owned(),
            enabled: Some(BoolValue { value: false }),
            ..UpgradeConfig::default()
        }],
        access_log: vec![access_log::json(listener)],
        // The client's address is that of who connects, whatever X-Forwarded-For says beyond the proxies that are trusted,
        // and X-Envoy-* from outside is removed.
        use_remote_address: proto::yes(),
        xff_num_trusted_hops: match client_address {
            ClientAddress::ForwardedFor(hops) => hops.get(),
            ClientAddress::Peer | ClientAddress::ProxyProtocol => 0,
        },
        generate_request_id: proto::yes(),
        // What is matched is what the upstream sees: one way to write each path and host.
        normalize_path: proto::yes(),
        merge_slashes: true,
        // An escaped slash means one path to us and another to some upstreams.
        path_with_escaped_slashes_action: PathWithEscapedSlashesAction::RejectRequest.into(),
        strip_port_mode: Some(StripPortMode::StripAnyHostPort(true)),
        strip_trailing_host_dot: true,
        max_request_headers_kb: proto::number(limits.max_request_headers_kb),
        request_timeout: limits.request_timeout.and_then(proto::duration),
        request_headers_timeout: proto::duration(limits.request_headers_timeout),
        stream_idle_timeout: proto::duration(limits.stream_idle_timeout),
        common_http_protocol_options: Some(HttpProtocolOptions {
            idle_timeout: proto::duration(limits.idle_timeout),
            // Many upstreams take x_ferrox_consumer for x-ferrox-consumer.
            headers_with_underscores_action: HeadersWithUnderscoresAction::DropHeader.into(),
            ..HttpProtocolOptions::default()
        }),
        http2_protocol_options: Some(Http2ProtocolOptions {
            max_concurrent_streams: proto::number(100),
            initial_stream_window_size: proto::number(64 << 10),
            initial_connection_window_size: proto::number(1 << 20),
            ..Http2ProtocolOptions::default()
        }),
        ..HttpConnectionManager::default()
    }
}

fn one_route_configuration() -> Rds {
    Rds { config_source: proto::ads(), route_config_name: ROUTE_CONFIGURATION.to_owned() }
}

fn scope_for_each_host() -> ScopedRoutes {
    let whole_host = HeaderValueExtractor {
        name: ":authority".to_owned(),
        extract_type: Some(ExtractType::Index(0)),
        ..HeaderValueExtractor::default()
    };
    let fragment = FragmentBuilder { r#type: Some(fragment_builder::Type::HeaderValueExtractor(whole_host)) };
    ScopedRoutes {
        name: ROUTE_CONFIGURATION.to_owned(),
        scope_key_builder: Some(ScopeKeyBuilder { fragments: vec![fragment] }),
        // Envoy wants it, though no scope here refers to a route configuration elsewhere.
        rds_config_source: proto::ads(),
        config_specifier: Some(ConfigSpecifier::ScopedRds(ScopedRds {
            scoped_rds_config_source: proto::ads(),
            ..ScopedRds::default()
        })),
    }
}

fn http_filters() -> Vec<HttpFilter> {
    let discovered = filters::chain().map(|name| HttpFilter {
        name: name.to_owned(),
        config_type: Some(ConfigType::ConfigDiscovery(ExtensionConfigSource {
            config_source: proto::ads(),
            // No default: until its configuration is there, nothing passes a filter.
            default_config: None,
            apply_default_config_without_warming: false,
            type_urls: vec![Wasm::type_url()],
        })),
        ..HttpFilter::default()
    });
    native_filters::first()
        .into_iter()
        .chain(discovered)
        .chain(native_filters::last())
        .chain([router()])
        .collect()
}

/// The filter that ends every chain.
pub(in crate::translate) fn router() -> HttpFilter {
    HttpFilter {
        name: "envoy.filters.http.router".to_owned(),
        config_type: Some(ConfigType::TypedConfig(proto::any(&Router::default()))),
        ..HttpFilter::default()
    }
}
