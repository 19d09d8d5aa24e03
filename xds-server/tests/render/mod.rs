//! Resources as text: one field a line, without the fields that have their default, with maps sorted and messages
//! inside `Any` decoded. Made from `Debug` output, since prost's types know nothing else that can be read.

use std::fmt::Debug;

use envoy_types::pb::{
    envoy::{
        config::{
            cluster::v3::Cluster,
            core::v3::TypedExtensionConfig,
            endpoint::v3::ClusterLoadAssignment,
            listener::v3::Listener,
            route::v3::{FilterConfig, RouteConfiguration, ScopedRouteConfiguration},
        },
        extensions::{
            access_loggers::stream::v3::StdoutAccessLog,
            clusters::dns::v3::DnsCluster,
            compression::{
                brotli::compressor::v3::Brotli, gzip::compressor::v3::Gzip, zstd::compressor::v3::Zstd,
            },
            filters::{
                http::{
                    buffer::v3::{Buffer, BufferPerRoute},
                    compressor::v3::{Compressor, CompressorPerRoute},
                    cors::v3::{Cors, CorsPolicy},
                    router::v3::Router,
                    wasm::v3::Wasm,
                },
                listener::{proxy_protocol::v3::ProxyProtocol, tls_inspector::v3::TlsInspector},
                network::{
                    connection_limit::v3::ConnectionLimit, http_connection_manager::v3::HttpConnectionManager,
                },
            },
            network::dns_resolver::cares::v3::CaresDnsResolverConfig,
            path::{
                r#match::uri_template::v3::UriTemplateMatchConfig,
                rewrite::uri_template::v3::UriTemplateRewriteConfig,
            },
            retry::host::previous_hosts::v3::PreviousHostsPredicate,
            transport_sockets::tls::v3::DownstreamTlsContext,
            transport_sockets::tls::v3::UpstreamTlsContext,
            upstreams::http::v3::HttpProtocolOptions,
        },
    },
    google::protobuf::StringValue,
};
use prost::{Message, Name};

/// Renders an encoded message.
pub(crate) fn render(type_url: &str, encoded: &[u8]) -> String {
    let mut text = String::new();
    message(type_url, encoded).write(0, &mut text);
    text
}

struct Node {
    head: String,
    children: Vec<Node>,
}

impl Node {
    fn write(&self, depth: usize, text: &mut String) {
        text.push_str(&"  ".repeat(depth));
        text.push_str(self.head.trim());
        text.push('\n');
        for child in &self.children {
            child.write(depth + 1, text);
        }
    }

    fn child(&self, name: &str) -> &Self {
        self.children.iter().find(|child| child.head.starts_with(name)).expect(name)
    }
}

/// Decodes a message if it is of the type.
type Decode = fn(&str, &[u8]) -> Option<Node>;

fn message(type_url: &str, encoded: &[u8]) -> Node {
    let types: &[Decode] = &[
        decode::<Brotli>,
        decode::<Buffer>,
        decode::<BufferPerRoute>,
        decode::<CaresDnsResolverConfig>,
        decode::<Cluster>,
        decode::<ClusterLoadAssignment>,
        decode::<Compressor>,
        decode::<CompressorPerRoute>,
        decode::<ConnectionLimit>,
        decode::<Cors>,
        decode::<CorsPolicy>,
        decode::<DnsCluster>,
        decode::<DownstreamTlsContext>,
        decode::<FilterConfig>,
        decode::<Gzip>,
        decode::<HttpConnectionManager>,
        decode::<HttpProtocolOptions>,
        decode::<Listener>,
        decode::<PreviousHostsPredicate>,
        decode::<ProxyProtocol>,
        decode::<RouteConfiguration>,
        decode::<Router>,
        decode::<ScopedRouteConfiguration>,
        decode::<StdoutAccessLog>,
        decode::<StringValue>,
        decode::<TlsInspector>,
        decode::<TypedExtensionConfig>,
        decode::<UpstreamTlsContext>,
        decode::<UriTemplateMatchConfig>,
        decode::<UriTemplateRewriteConfig>,
        decode::<Wasm>,
        decode::<Zstd>,
    ];
    types.iter().find_map(|decode| decode(type_url, encoded)).unwrap_or_else(|| panic!("add {type_url} here"))
}

fn decode<T: Message + Name + Default + Debug>(type_url: &str, encoded: &[u8]) -> Option<Node> {
    (T::type_url() == type_url).then(|| tree(&format!("{:#?}", T::decode(encoded).expect("it was encoded"))))
}

fn tree(debug: &str) -> Node {
    let mut lines = debug.lines();
    let first = lines.next().expect("something was printed");
    node(first, &mut lines)
}

fn node<'a>(line: &str, lines: &mut impl Iterator<Item = &'a str>) -> Node {
    let line = line.trim();
    let Some(head) = line.strip_suffix(['{', '(', '[']) else {
        return Node { head: line.trim_end_matches(',').to_owned(), children: Vec::new() };
    };
    let mut children = Vec::new();
    while let Some(next) = lines.next() {
        if next.trim_start().starts_with(['}', ')', ']']) {
            break;
        }
        children.push(node(next, lines));
    }
    finish(Node { head: head.to_owned(), children }, line.ends_with('('))
}

fn finish(mut node: Node, is_wrapper: bool) -> Node {
    if node.head.trim().ends_with("Any") {
        return expand(&node);
    }
    node.children.retain(|child| !is_default(child));
    if node.children.iter().all(|child| child.head.starts_with('"')) && !node.head.ends_with('[') {
        node.children.sort_by(|a, b| a.head.cmp(&b.head));
    }
    if is_wrapper && node.children.len() == 1 {
        let inner = node.children.remove(0);
        let head = node.head.strip_suffix("Some").unwrap_or(&node.head);
        return Node { head: format!("{} {}", head.trim_end(), inner.head), children: inner.children };
    }
    node
}

fn is_default(node: &Node) -> bool {
    let Some((_, value)) = node.head.split_once(": ") else { return false };
    node.children.is_empty() && matches!(value.trim(), "None" | "[]" | "{}" | "\"\"" | "false" | "0")
}

/// `Any` as the message that is in it.
fn expand(any: &Node) -> Node {
    let url = any.child("type_url").head.split('"').nth(1).expect("a quoted URL").to_owned();
    let value = any.children.iter().find(|child| child.head.starts_with("value"));
    let bytes = value.iter().flat_map(|value| &value.children).map(|byte| byte.head.parse().expect("a byte"));
    let inner = message(&url, &bytes.collect::<Vec<u8>>());
    let field = any.head.trim().trim_end_matches("Any");
    Node { head: format!("{field}Any {}", inner.head), children: inner.children }
}
