//! TLS towards clients. Certificates come by name over SDS, so that a renewed one changes no listener and drops no
//! connection.

use envoy_types::pb::envoy::{
    config::core::v3::{TransportSocket, transport_socket},
    extensions::transport_sockets::tls::v3::{
        CommonTlsContext, DownstreamTlsContext, SdsSecretConfig, TlsParameters, tls_parameters::TlsProtocol,
    },
};

use crate::{model::CertificateName, translate::proto};

/// The transport socket that shows a certificate.
pub(super) fn socket(certificate: &CertificateName, http2: bool) -> TransportSocket {
    let protocols: &[&str] = if http2 { &["h2", "http/1.1"] } else { &["http/1.1"] };
    let common = CommonTlsContext {
        tls_params: Some(TlsParameters {
            tls_minimum_protocol_version: TlsProtocol::TlSv12.into(),
            ..TlsParameters::default()
        }),
        tls_certificate_sds_secret_configs: vec![SdsSecretConfig {
            name: certificate.to_string(),
            sds_config: proto::ads(),
        }],
        alpn_protocols: protocols.iter().map(ToString::to_string).collect(),
        ..CommonTlsContext::default()
    };
    let context =
        DownstreamTlsContext { common_tls_context: Some(common), ..DownstreamTlsContext::default() };
    TransportSocket {
        name: "envoy.transport_sockets.tls".to_owned(),
        config_type: Some(transport_socket::ConfigType::TypedConfig(proto::any(&context))),
    }
}
