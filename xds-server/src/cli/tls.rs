//! The certificates of the xDS server.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use webpki::{EndEntityCert, anchor_from_trusted_cert};

/// Longest time for a handshake, so that clients that begin one and fall silent do not pile up.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Mutual TLS for the xDS server: all of these, or none for clear text.
#[derive(Debug, Args)]
pub(super) struct XdsTls {
    /// PEM file of the xDS server's certificate, with what leads from it to a root; turns on TLS, in which each client
    /// needs a certificate that has its node.id or node.cluster as a DNS name
    #[arg(long = "xds-tls-cert", env = "FERROX_XDS_TLS_CERT", value_name = "FILE")]
    cert: Option<PathBuf>,
    /// PEM file of the private key of that certificate
    #[arg(long = "xds-tls-key", env = "FERROX_XDS_TLS_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
    /// PEM file of the authorities whose certificates clients may show
    #[arg(long = "xds-tls-client-ca", env = "FERROX_XDS_TLS_CLIENT_CA", value_name = "FILE")]
    client_ca: Option<PathBuf>,
}

/// One of the three settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    Cert,
    Key,
    ClientCa,
}

impl fmt::Display for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Cert => "--xds-tls-cert (FERROX_XDS_TLS_CERT)",
            Self::Key => "--xds-tls-key (FERROX_XDS_TLS_KEY)",
            Self::ClientCa => "--xds-tls-client-ca (FERROX_XDS_TLS_CLIENT_CA)",
        })
    }
}

/// Why the xDS server cannot use TLS.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error("{} missing: TLS needs a certificate, its key and the authority of the clients", list(.0))]
    Missing(Vec<Setting>),
    #[error("{setting}: file {} {reason}", .file.display())]
    File { setting: Setting, file: PathBuf, reason: Reason },
}

/// What is wrong with a file. Never shows any of its content, which may be a key.
#[derive(Debug, thiserror::Error)]
pub(super) enum Reason {
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("holds no {0} in PEM form")]
    Absent(&'static str),
    #[error("is no well-formed PEM")]
    Malformed,
    #[error("holds a certificate that cannot be parsed: {0}")]
    Certificate(webpki::Error),
    #[error("holds a key that is not supported or not that of the certificate: {0}")]
    Key(String),
}

impl XdsTls {
    /// Whether proxies are spoken to in the clear.
    pub(super) fn is_off(&self) -> bool {
        self.cert.is_none()
    }

    /// The xDS server, with TLS if it is set up.
    pub(super) fn server(&self) -> Result<Server, TlsError> {
        let (cert, key, client_ca) = match (&self.cert, &self.key, &self.client_ca) {
            (None, None, None) => return Ok(Server::builder()),
            (Some(cert), Some(key), Some(client_ca)) => (cert, key, client_ca),
            _ => return Err(TlsError::Missing(self.missing())),
        };
        let key_file = key;
        let cert = load(Setting::Cert, cert, check_chain)?;
        let key = load(Setting::Key, key, check_key)?;
        let client_ca = load(Setting::ClientCa, client_ca, check_authorities)?;
        let config = ServerTlsConfig::new()
            .identity(Identity::from_pem(cert, key))
            .client_ca_root(Certificate::from_pem(client_ca))
            .timeout(HANDSHAKE_WITHIN);
        // What else can be wrong has been ruled out.
        Server::builder().tls_config(config).map_err(|error| TlsError::File {
            setting: Setting::Key,
            file: key_file.clone(),
            reason: Reason::Key(innermost(&error)),
        })
    }

    fn missing(&self) -> Vec<Setting> {
        let settings = [
            (Setting::Cert, self.cert.is_none()),
            (Setting::Key, self.key.is_none()),
            (Setting::ClientCa, self.client_ca.is_none()),
        ];
        settings.into_iter().filter_map(|(setting, missing)| missing.then_some(setting)).collect()
    }
}

fn list(settings: &[Setting]) -> String {
    let names: Vec<String> = settings.iter().map(ToString::to_string).collect();
    format!("{} {}", names.join(" and "), if names.len() == 1 { "is" } else { "are" })
}

fn load(
    setting: Setting,
    file: &Path,
    check: impl FnOnce(&[u8]) -> Result<(), Reason>,
) -> Result<Vec<u8>, TlsError> {
    let content = fs::read(file).map_err(Reason::Unreadable);
    content.and_then(|content| check(&content).map(|()| content)).map_err(|reason| TlsError::File {
        setting,
        file: file.to_owned(),
        reason,
    })
}

fn check_chain(pem: &[u8]) -> Result<(), Reason> {
    check_certificates(pem, |certificate| EndEntityCert::try_from(certificate).map(drop))
}

fn check_authorities(pem: &[u8]) -> Result<(), Reason> {
    check_certificates(pem, |certificate| anchor_from_trusted_cert(certificate).map(drop))
}

fn check_certificates(
    pem: &[u8],
    check: impl Fn(&CertificateDer<'_>) -> Result<(), webpki::Error>,
) -> Result<(), Reason> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| reason(&error, "certificate"))?;
    if certificates.is_empty() {
        return Err(Reason::Absent("certificate"));
    }
    certificates.iter().try_for_each(check).map_err(Reason::Certificate)
}

fn check_key(pem: &[u8]) -> Result<(), Reason> {
    PrivateKeyDer::from_pem_slice(pem).map(drop).map_err(|error| reason(&error, "unencrypted private key"))
}

/// The error itself is not shown: it quotes the file, as it must not where that is a key.
fn reason(error: &pem::Error, wanted: &'static str) -> Reason {
    match error {
        pem::Error::NoItemsFound => Reason::Absent(wanted),
        _ => Reason::Malformed,
    }
}

/// What was wrong in the end; what stands around it only says that it was TLS.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
