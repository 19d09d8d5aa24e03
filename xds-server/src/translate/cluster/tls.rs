//! TLS of a cluster to its endpoints.

use std::path::Path;

use envoy_types::pb::envoy::{
    config::core::v3::{DataSource, TransportSocket, data_source::Specifier, transport_socket::ConfigType},
    extensions::transport_sockets::tls::v3::{
        CertificateValidationContext, CommonTlsContext, SdsSecretConfig, UpstreamTlsContext,
        common_tls_context::ValidationContextType,
    },
};

use crate::{
    model::{HttpVersion, Tls},
    translate::proto,
};

/// `trusted_ca` is the file of the authorities that are trusted where the upstream names none.
pub(super) fn socket(tls: &Tls, protocol: HttpVersion, trusted_ca: &Path) -> TransportSocket {
    let context = UpstreamTlsContext {
        sni: tls.sni.clone(),
        // Envoy checks who signed a certificate and not whom it is for, unless it is told to.
        auto_sni_san_validation: tls.verify,
        common_tls_context: Some(CommonTlsContext {
            alpn_protocols: alpn(protocol),
            tls_certificate_sds_secret_configs: shown(tls),
            validation_context_type: tls.verify.then(|| validation(tls, trusted_ca)),
            ..CommonTlsContext::default()
        }),
        ..UpstreamTlsContext::default()
    };
    TransportSocket {
        name: "envoy.transport_sockets.tls".to_owned(),
        config_type: Some(ConfigType::TypedConfig(proto::any(&context))),
    }
}

/// By name over SDS, so that a renewed certificate does not build the cluster anew.
fn shown(tls: &Tls) -> Vec<SdsSecretConfig> {
    let config = |name: &String| SdsSecretConfig { name: name.clone(), sds_config: proto::ads() };
    tls.client_certificate.iter().map(config).collect()
}

/// For `auto` Envoy offers what it is configured for by itself; for HTTP/1.1 nobody needs to agree.
fn alpn(protocol: HttpVersion) -> Vec<String> {
    match protocol {
        HttpVersion::Http2 => vec!["h2".to_owned()],
        HttpVersion::Http1 | HttpVersion::Auto => Vec::new(),
    }
}

fn validation(tls: &Tls, trusted_ca: &Path) -> ValidationContextType {
    let authorities = match &tls.ca {
        Some(pem) => Specifier::InlineString(pem.clone()),
        None => Specifier::Filename(trusted_ca.to_string_lossy().into_owned()),
    };
    ValidationContextType::ValidationContext(CertificateValidationContext {
        trusted_ca: Some(DataSource { specifier: Some(authorities), ..DataSource::default() }),
        ..CertificateValidationContext::default()
    })
}
