//! Filters of Envoy's own: off in the listener, and switched on by the routes that want them.

use envoy_types::pb::{
    envoy::{
        config::core::v3::TypedExtensionConfig,
        extensions::{
            compression::{
                brotli::compressor::v3::Brotli, gzip::compressor::v3::Gzip, zstd::compressor::v3::Zstd,
            },
            filters::{
                http::{
                    buffer::v3::{Buffer, BufferPerRoute, buffer_per_route},
                    compressor::v3::{
                        Compressor, CompressorOverrides, CompressorPerRoute, ResponseDirectionOverrides,
                        compressor::{CommonDirectionConfig, ResponseDirectionConfig},
                        compressor_per_route,
                    },
                    cors::v3::Cors,
                },
                network::http_connection_manager::v3::{HttpFilter, http_filter::ConfigType},
            },
        },
    },
    google::protobuf::Any,
};

use super::proto;
use crate::model::Algorithm;

/// Name of the filter that answers preflights.
pub(super) const CORS: &str = "envoy.filters.http.cors";
/// Name of the filter that limits bodies.
pub(super) const BUFFER: &str = "envoy.filters.http.buffer";

/// Those before Ferrox's filters: preflights bring no credentials, so they are answered before auth; and answers pass
/// the chain backwards, so the cache stores what is not compressed.
pub(super) fn first() -> Vec<HttpFilter> {
    let compressor = |algorithm| off(compressor_name(algorithm), proto::any(&compressor(algorithm)));
    let compressors = Algorithm::ALL.map(compressor);
    [off(CORS, proto::any(&Cors {}))].into_iter().chain(compressors).collect()
}

/// Those behind Ferrox's filters: nobody makes Envoy hold a body who may not pass.
pub(super) fn last() -> [HttpFilter; 1] {
    // Envoy wants a limit, though every route that switches the filter on has its own.
    [off(BUFFER, proto::any(&buffer(1)))]
}

fn off(name: &str, config: Any) -> HttpFilter {
    HttpFilter {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(config)),
        disabled: true,
        ..HttpFilter::default()
    }
}

/// Name of the filter that compresses.
pub(super) fn compressor_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Brotli => "ferrox.compressor.brotli",
        Algorithm::Zstd => "ferrox.compressor.zstd",
        Algorithm::Gzip => "ferrox.compressor.gzip",
    }
}

/// What switches a compressor on for a route.
pub(super) fn compressor_on() -> Any {
    let overrides = CompressorOverrides {
        response_direction_config: Some(ResponseDirectionOverrides::default()),
        ..CompressorOverrides::default()
    };
    proto::any(&CompressorPerRoute { r#override: Some(compressor_per_route::Override::Overrides(overrides)) })
}

/// What limits the bodies of a route.
pub(super) fn buffer_on(max_request_bytes: u32) -> Any {
    let limit = buffer_per_route::Override::Buffer(buffer(max_request_bytes));
    proto::any(&BufferPerRoute { r#override: Some(limit) })
}

fn buffer(max_request_bytes: u32) -> Buffer {
    Buffer { max_request_bytes: proto::number(max_request_bytes) }
}

/// Below this, answers fit into a packet as they are. Bytes.
const MIN_CONTENT_LENGTH: u32 = 1024;

/// Compresses what is text by Envoy's list of content types: what is compressed already, as images are, would only cost
/// time.
fn compressor(algorithm: Algorithm) -> Compressor {
    let common = CommonDirectionConfig {
        min_content_length: proto::number(MIN_CONTENT_LENGTH),
        ..CommonDirectionConfig::default()
    };
    Compressor {
        compressor_library: Some(library(algorithm)),
        response_direction_config: Some(ResponseDirectionConfig {
            common_config: Some(common),
            // Compressed bytes are others, which only a weak validator allows (RFC 9110 section 8.8.1).
            weaken_etag_on_compress: true,
            // A part of something is a part of what it was without compression (RFC 9110 section 14).
            uncompressible_response_codes: vec![206],
            ..ResponseDirectionConfig::default()
        }),
        // Browsers take all alike and name gzip first, which would then be chosen.
        choose_first: algorithm == Algorithm::Brotli,
        ..Compressor::default()
    }
}

/// The name is that of the statistics.
fn library(algorithm: Algorithm) -> TypedExtensionConfig {
    let (name, config) = match algorithm {
        Algorithm::Brotli => ("brotli", proto::any(&Brotli::default())),
        Algorithm::Zstd => ("zstd", proto::any(&Zstd::default())),
        Algorithm::Gzip => ("gzip", proto::any(&Gzip::default())),
    };
    TypedExtensionConfig { name: name.to_owned(), typed_config: Some(config) }
}
