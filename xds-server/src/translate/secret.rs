//! Certificates with their keys (SDS).

use envoy_types::pb::envoy::{
    config::core::v3::{DataSource, data_source::Specifier},
    extensions::transport_sockets::tls::v3::{Secret, TlsCertificate, secret},
};

use crate::model::Certificate;

/// The secret of a certificate, in the clear.
pub(super) fn of(certificate: &Certificate) -> Secret {
    let inline = |bytes: &[u8]| {
        Some(DataSource { specifier: Some(Specifier::InlineBytes(bytes.to_vec())), ..DataSource::default() })
    };
    let tls = TlsCertificate {
        certificate_chain: inline(certificate.chain.as_bytes()),
        private_key: inline(certificate.private_key.expose()),
        ..TlsCertificate::default()
    };
    Secret { name: certificate.name.to_string(), r#type: Some(secret::Type::TlsCertificate(tls)) }
}
