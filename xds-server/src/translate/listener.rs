//! The listener for clients (LDS), hardened for the edge ("Configuring Envoy as an edge proxy" in Envoy's manual).

use std::net::SocketAddr;

use envoy_types::pb::envoy::{
    config::{
        core::v3::{
            ExtensionConfigSource, Http2ProtocolOptions, HttpProtocolOptions,
            http_protocol_options::HeadersWithUnderscoresAction,
        },
        listener::v3::{Filter, FilterChain, Listener, filter},
    },
    extensions::filters::{
        http::{router::v3::Router, wasm::v3::Wasm},
        network::http_connection_manager::v3::{
            HttpConnectionManager, HttpFilter, Rds, ScopedRds, ScopedRoutes,
            http_connection_manager::{
                PathWithEscapedSlashesAction, RouteSpecifier, StripPortMode, UpgradeConfig,
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

use super::{LISTENER, ROUTE_CONFIGURATION, access_log, filters, native_filters, proto};
use crate::model::Sharding;

/// The listener at an address.
pub(super) fn listener(address: SocketAddr, sharding: Sharding) -> Listener {
    let manager = Filter {
        name: "envoy.filters.network.http_connection_manager".to_owned(),
        config_type: Some(filter::ConfigType::TypedConfig(proto::any(&connection_manager(sharding)))),
    };
    Listener {
        name: LISTENER.to_owned(),
        address: proto::address(address),
        per_connection_buffer_limit_bytes: proto::number(1 << 20),
        filter_chains: vec![FilterChain { filters: vec![manager], ..FilterChain::default() }],
        ..Listener::default()
    }
}

fn connection_manager(sharding: Sharding) -> HttpConnectionManager {
    HttpConnectionManager {
        stat_prefix: "ferrox".to_owned(),
        route_specifier: Some(match sharding {
            Sharding::None => RouteSpecifier::Rds(one_route_configuration()),
            Sharding::Host => RouteSpecifier::ScopedRoutes(scope_for_each_host()),
        }),
        http_filters: http_filters(),
        // Off, until a route switches it on.
        upgrade_configs: vec![UpgradeConfig {
            upgrade_type: "websocket".to_owned(),
            enabled: Some(BoolValue { value: false }),
            ..UpgradeConfig::default()
        }],
        access_log: vec![access_log::json(LISTENER)],
        // The client's address is the peer's, whatever X-Forwarded-For says, and X-Envoy-* from outside is removed.
        use_remote_address: proto::yes(),
        generate_request_id: proto::yes(),
        // What is matched is what the upstream sees: one way to write each path and host.
        normalize_path: proto::yes(),
        merge_slashes: true,
        // An escaped slash means one path to us and another to some upstreams.
        path_with_escaped_slashes_action: PathWithEscapedSlashesAction::RejectRequest.into(),
        strip_port_mode: Some(StripPortMode::StripAnyHostPort(true)),
        strip_trailing_host_dot: true,
        request_headers_timeout: proto::seconds(10),
        stream_idle_timeout: proto::seconds(300),
        common_http_protocol_options: Some(HttpProtocolOptions {
            idle_timeout: proto::seconds(3600),
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
pub(super) fn router() -> HttpFilter {
    HttpFilter {
        name: "envoy.filters.http.router".to_owned(),
        config_type: Some(ConfigType::TypedConfig(proto::any(&Router::default()))),
        ..HttpFilter::default()
    }
}
