//! What a chain of certificates says, and whether a key is that of its first one.

use std::{collections::BTreeSet, fmt};

use rustls::{
    Error, InconsistentKeys, SignatureAlgorithm, crypto::ring::sign::any_supported_type, sign::CertifiedKey,
};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer, time::ASN1Time};

use crate::model::HostPattern;

/// When a certificate expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    seconds: i64,
    text: String,
}

impl Expiry {
    /// In seconds since 1970.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        self.seconds
    }
}

impl From<ASN1Time> for Expiry {
    fn from(time: ASN1Time) -> Self {
        let date = time.to_datetime();
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        let (hour, minute, second) = date.time().as_hms();
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
        Self { seconds: time.timestamp(), text }
    }
}

/// In UTC and whole seconds (RFC 3339): `2027-01-31T12:00:00Z`.
impl fmt::Display for Expiry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

pub(super) struct Chain {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) dns_names: BTreeSet<HostPattern>,
    pub(super) expiry: Expiry,
}

impl Chain {
    /// Parses PEM that holds certificates and nothing else.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // It would be stored in the clear.
        if text.contains("PRIVATE KEY") {
            return Err("holds a private key; it must hold certificates alone".to_owned());
        }
        let certificates = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|_| "is no well-formed PEM")?;
        let parsed = certificates.iter().map(|der| parse(der)).collect::<Result<Vec<_>, _>>()?;
        let leaf = parsed.first().ok_or("holds no certificate in PEM form")?;
        let (dns_names, expiry) = (dns_names(leaf)?, Expiry::from(leaf.validity().not_after));
        Ok(Self { dns_names, expiry, certificates })
    }
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, String> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err("holds a certificate that cannot be parsed".to_owned()),
    }
}

/// The common name counts for nothing (RFC 9525 section 2).
fn dns_names(certificate: &X509Certificate<'_>) -> Result<BTreeSet<HostPattern>, String> {
    let names = certificate.subject_alternative_name();
    let names = names.map_err(|_| "has subject alternative names that cannot be parsed")?;
    let names = names.iter().flat_map(|names| &names.value.general_names);
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(dns_name(name)),
        _ => None,
    });
    let names = names.collect::<Result<BTreeSet<_>, _>>()?;
    if names.is_empty() {
        return Err(
            "has no DNS name among its subject alternative names, by which clients ask for it".to_owned()
        );
    }
    Ok(names)
}

fn dns_name(name: &str) -> Result<HostPattern, String> {
    let refuse = || format!("has the name '{}', which is no DNS name", name.escape_debug());
    match HostPattern::parse(name) {
        Ok(pattern) if pattern.to_string() != "*" => Ok(pattern),
        Ok(_) | Err(_) => Err(refuse()),
    }
}

/// Whether a key in PEM form is that of the first certificate. No reason quotes the key.
pub(super) fn check_key(certificates: Vec<CertificateDer<'static>>, text: &[u8]) -> Result<(), String> {
    let key = PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => "holds no unencrypted private key in PEM form",
        _ => "is no well-formed PEM",
    })?;
    let unsupported = "is of no kind that is supported: RSA of at least 2048 bits, and ECDSA";
    let key = any_supported_type(&key).map_err(|_| unsupported)?;
    // Envoy shows no certificate of Ed25519.
    if key.algorithm() == SignatureAlgorithm::ED25519 {
        return Err(unsupported.to_owned());
    }
    match CertifiedKey::new(certificates, key).keys_match() {
        Ok(()) => Ok(()),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err("is not the key of the certificate".to_owned())
        }
        Err(_) => Err("cannot be compared with the certificate".to_owned()),
    }
}
