//! TLS in front of an upstream: an Envoy that takes it off and passes the bytes on.

use std::path::Path;

use crate::{Error, envoy::Envoy, ports::Port, tls::TlsFiles};

/// A running front.
pub struct TlsFront {
    _envoy: Envoy,
    port: Port,
}

impl TlsFront {
    /// Starts a front with its log in `folder`, which offers these protocols by ALPN and leads to a port on 127.0.0.1. It
    /// takes only clients whose certificates the authority in the file `clients` signed, if there is one.
    ///
    /// # Errors
    /// When Envoy is not installed or does not start.
    pub async fn start_in(
        folder: &Path,
        name: &str,
        files: &TlsFiles,
        alpn: &[&str],
        clients: Option<&Path>,
        upstream: u16,
    ) -> Result<Self, Error> {
        let (port, admin) = (Port::free()?, Port::free()?);
        let config = configuration(port.number(), admin.number(), &context(files, alpn, clients), upstream);
        let envoy = Envoy::start_from(folder, name, admin, &config.to_string()).await?;
        Ok(Self { _envoy: envoy, port })
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }
}

fn context(files: &TlsFiles, alpn: &[&str], clients: Option<&Path>) -> serde_json::Value {
    let validation = clients.map(|authority| serde_json::json!({"trusted_ca": {"filename": authority}}));
    serde_json::json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": clients.is_some(),
        "common_tls_context": {
            "alpn_protocols": alpn,
            "tls_certificates": [{
                "certificate_chain": {"filename": files.cert}, "private_key": {"filename": files.key},
            }],
            "validation_context": validation,
        },
    })
}

fn configuration(port: u16, admin: u16, tls: &serde_json::Value, upstream: u16) -> serde_json::Value {
    let address = |port| serde_json::json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let proxy = serde_json::json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "front", "cluster": "upstream",
    });
    let chain = serde_json::json!({
        "filters": [{"name": "proxy", "typed_config": proxy}],
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
    });
    let endpoint = serde_json::json!({"endpoint": {"address": address(upstream)}});
    let cluster = serde_json::json!({
        "name": "upstream", "type": "STATIC",
        "load_assignment": {"cluster_name": "upstream", "endpoints": [{"lb_endpoints": [endpoint]}]},
    });
    serde_json::json!({
        "admin": {"address": address(admin)},
        "static_resources": {
            "listeners": [{"name": "front", "address": address(port), "filter_chains": [chain]}],
            "clusters": [cluster],
        },
    })
}
