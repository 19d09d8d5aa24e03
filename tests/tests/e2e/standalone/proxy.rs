//! An Envoy as Istio configures it for a WasmPlugin.
//!
//! istiod sends the plugin as an extension configuration (ECDS) that the filter chain names before Istio's own filters of the
//! phase. Its `pluginConfig` comes as a string of JSON, its code as a file that the agent fetched, and there is no `vm_id`.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use ferrox_testbed::{binaries, envoy::Envoy, ports::Port, upstream::Upstream};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The name of the extension configuration, as Istio 1.26 and later writes it.
const EXTENSION: &str = "extensions.istio.io/wasmplugin/istio-ingress.ferrox-auth";
const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// A running Envoy with the auth filter, and nothing else, before a route that answers 200 to everything.
pub(crate) struct Proxy {
    envoy: Envoy,
    listener: Port,
    _folder: TempDir,
}

/// Seconds since 1970.
pub(crate) fn in_an_hour() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 3_600
}

impl Proxy {
    /// With this `pluginConfig`, and clusters that lead to upstreams.
    pub(crate) async fn start(plugin_config: &Value, clusters: &[(&str, &Upstream)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (admin, listener) = (Port::free().unwrap(), Port::free().unwrap());
        let extensions = folder.path().join("extensions.json");
        fs::write(&extensions, extension(plugin_config).to_string()).unwrap();
        let bootstrap = json!({
            "node": {"id": "sidecar", "cluster": "test"},
            "admin": {"address": address(&admin)},
            "static_resources": {
                "listeners": [inbound(&listener, &extensions.display().to_string())],
                "clusters": clusters.iter().map(|(name, upstream)| cluster(name, upstream)).collect::<Vec<_>>(),
            },
        });
        let envoy = Envoy::start_from(folder.path(), "sidecar", admin, &bootstrap.to_string()).await.unwrap();
        Self { envoy, listener, _folder: folder }
    }

    /// The answer to a request on a connection of its own, so that every worker gets some.
    pub(crate) async fn get(&self, path: &str, header: &str, value: &str) -> reqwest::Response {
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        let request = client.get(format!("http://{}{path}", self.listener.address()));
        request.header(header, value).send().await.unwrap()
    }

    /// The status of a request with a bearer token.
    pub(crate) async fn status(&self, token: &str) -> u16 {
        self.get("/", "authorization", &format!("Bearer {token}")).await.status().as_u16()
    }

    /// The value of a metric of fetched keys.
    pub(crate) async fn jwks(&self, name: &str) -> u64 {
        self.envoy.stat(&format!("wasmcustom.ferrox.auth.jwks.{name}")).await.unwrap()
    }

    /// The end of Envoy's log.
    pub(crate) fn log(&self) -> String {
        self.envoy.log_tail(200)
    }
}

fn address(port: &Port) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port.number()}})
}

fn extension(plugin_config: &Value) -> Value {
    let code = binaries::wasm().unwrap().join("ferrox_auth.wasm");
    json!({"version_info": "1", "resources": [{
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": EXTENSION,
        "typed_config": {
            "@type": WASM,
            "config": {
                "name": "istio-ingress.ferrox-auth",
                "failure_policy": "FAIL_RELOAD",
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": plugin_config.to_string(),
                },
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": code}},
                    "environment_variables": {},
                },
            },
        },
    }]})
}

fn inbound(port: &Port, extensions: &str) -> Value {
    let answer = json!({"match": {"prefix": "/"}, "direct_response": {"status": 200}});
    json!({
        "name": "virtualInbound",
        "address": address(port),
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": "inbound",
                "normalize_path": true,
                "route_config": {"virtual_hosts": [{"name": "inbound", "domains": ["*"], "routes": [answer]}]},
                "http_filters": [
                    {"name": EXTENSION, "config_discovery": {
                        "config_source": {
                            "path_config_source": {"path": extensions},
                            "initial_fetch_timeout": "0s",
                            "resource_api_version": "V3",
                        },
                        "type_urls": [WASM],
                    }},
                    {"name": "envoy.filters.http.router", "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                    }},
                ],
            },
        }]}],
    })
}

fn cluster(name: &str, upstream: &Upstream) -> Value {
    let address = json!({"socket_address": {"address": "127.0.0.1", "port_value": upstream.port()}});
    json!({
        "name": name,
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    })
}
