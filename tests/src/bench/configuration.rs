//! What the Envoys run.

use std::path::Path;

use serde_json::{Value, json};

/// What a listener serves.
pub struct Served {
    /// Name of the listener.
    pub name: String,
    /// What stands before the router.
    pub filters: Vec<Value>,
    /// The only route.
    pub route: Value,
}

/// An address on loopback.
#[must_use]
pub fn address(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}

/// A cluster of one endpoint.
#[must_use]
pub fn cluster(name: &str, address: &Value) -> Value {
    json!({
        "name": name, "type": "STATIC",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    })
}

/// A wasm filter as the control plane configures it, with a root of its own: variants share no memory.
#[must_use]
pub fn wasm(root: &str, module: &Path, configuration: &Value) -> Value {
    json!({
        "name": "ferrox",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": root,
                "root_id": root,
                "failure_policy": "FAIL_RELOAD",
                "vm_config": {
                    "vm_id": module,
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": module}},
                },
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": configuration.to_string(),
                },
            },
        },
    })
}

/// An Envoy that answers.
pub(super) fn upstream(port: u16) -> Value {
    let route = json!({
        "match": {"prefix": "/"},
        "direct_response": {"status": 200, "body": {"inline_string": "{\"orders\":[]}"}},
    });
    let served = Served { name: "upstream".to_owned(), filters: Vec::new(), route };
    json!({"static_resources": {"listeners": [listener(&served, port)]}})
}

/// The Envoy that is measured: all listeners lead to one upstream.
pub(super) fn measured(served: &[Served], ports: &[u16], upstream: u16, clusters: &[Value]) -> Value {
    let listeners: Vec<_> = served.iter().zip(ports).map(|(served, port)| listener(served, *port)).collect();
    let upstream = cluster("upstream", &address(upstream));
    let clusters: Vec<_> = std::iter::once(&upstream).chain(clusters).collect();
    json!({"static_resources": {"listeners": listeners, "clusters": clusters}})
}

fn listener(served: &Served, port: u16) -> Value {
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
    });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [served.route]}]},
        "http_filters": served.filters.iter().chain(std::iter::once(&router)).collect::<Vec<_>>(),
    });
    let chain = json!({"filters": [{
        "name": "envoy.filters.network.http_connection_manager", "typed_config": manager,
    }]});
    json!({"name": served.name, "address": address(port), "filter_chains": [chain]})
}
