//! TLS to the endpoints of an upstream.

use ferrox_policy::{Check, Invalid};
use rustls_pki_types::{
    CertificateDer,
    pem::{PemObject, SectionKind},
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::host;

/// TLS to the endpoints of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The DNS name that is asked for (SNI, RFC 6066 section 3), and that the certificate must be for.
    pub sni: String,
    /// The authorities that may have signed the certificate, in PEM form. Default: those in the file that `--trusted-ca`
    /// names.
    #[serde(default)]
    pub ca: Option<String>,
    /// Whether the certificate is looked at at all. Default: true.
    #[serde(default = "default_verify")]
    pub verify: bool,
    /// Name of the row of `certificates` that is shown to the endpoints (mutual TLS). Default: none.
    #[serde(default)]
    pub client_certificate: Option<String>,
}

fn default_verify() -> bool {
    true
}

impl Check for Tls {
    fn check(&self) -> Result<(), Invalid> {
        // An address is no name for SNI.
        if !host::is_name(&self.sni) || self.sni.parse::<std::net::IpAddr>().is_ok() {
            return Err(Invalid::new("sni", "must be a DNS name"));
        }
        let Some(ca) = &self.ca else { return Ok(()) };
        if !self.verify {
            return Err(Invalid::new("ca", "means nothing where verify is false"));
        }
        check_authorities(ca).map_err(|reason| Invalid::new("ca", reason))
    }
}

/// What is wrong is told without any of the text: somebody may have put a key there.
fn check_authorities(pem: &str) -> Result<(), String> {
    let malformed = |_| "is no well-formed PEM".to_owned();
    let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem.as_bytes());
    let sections = sections.collect::<Result<Vec<_>, _>>().map_err(malformed)?;
    // Envoy would be sent all of it. Encrypted keys are no section that the parser knows.
    if sections.iter().any(|(kind, _)| *kind != SectionKind::Certificate) || pem.contains("PRIVATE KEY-----")
    {
        return Err("must hold certificates only".to_owned());
    }
    if sections.is_empty() {
        return Err("holds no certificate in PEM form".to_owned());
    }
    for (_, certificate) in sections {
        let certificate = CertificateDer::from(certificate);
        webpki::anchor_from_trusted_cert(&certificate)
            .map_err(|error| format!("holds a certificate that cannot be parsed: {error}"))?;
    }
    Ok(())
}
