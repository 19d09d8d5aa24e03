//! The files for the TLS of Redis.

use std::{fs, path::Path};

use redis::{ClientTlsConfig, TlsCertificates};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{Settings, StartError};

const CA: &str = "--redis-ca (FERROX_REDIS_CA)";
const CERT: &str = "--redis-cert (FERROX_REDIS_CERT)";
const KEY: &str = "--redis-key (FERROX_REDIS_KEY)";

/// Reads and checks the files, if any is set.
pub(crate) fn files(settings: &Settings) -> Result<Option<TlsCertificates>, StartError> {
    let root_cert = settings.redis_ca.as_deref().map(authorities).transpose()?;
    let client_tls = match (&settings.redis_cert, &settings.redis_key) {
        (Some(cert), Some(key)) => Some(client(cert, key)?),
        _ => None,
    };
    let any = root_cert.is_some() || client_tls.is_some();
    Ok(any.then_some(TlsCertificates { client_tls, root_cert }))
}

fn authorities(path: &Path) -> Result<Vec<u8>, StartError> {
    let pem = read(CA, path)?;
    let mut store = RootCertStore::empty();
    for authority in certificates(CA, &pem)? {
        store.add(authority).map_err(|error| refused(CA, error))?;
    }
    Ok(pem)
}

fn client(cert: &Path, key: &Path) -> Result<ClientTlsConfig, StartError> {
    let (client_cert, client_key) = (read(CERT, cert)?, read(KEY, key)?);
    let chain = certificates(CERT, &client_cert)?;
    // The parser's reason could quote a line of the key.
    let key = PrivateKeyDer::from_pem_slice(&client_key)
        .map_err(|_| refused(KEY, "it holds no private key in PEM form"))?;
    let provider = rustls::crypto::ring::default_provider();
    rustls::sign::CertifiedKey::from_der(chain, key, &provider).map_err(|error| refused(KEY, error))?;
    Ok(ClientTlsConfig { client_cert, client_key })
}

fn certificates(setting: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(refused(setting, "it holds no certificate in PEM form")),
    }
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, StartError> {
    fs::read(path).map_err(|error| refused(setting, format!("{}: {error}", path.display())))
}

fn refused(setting: &'static str, reason: impl ToString) -> StartError {
    StartError::RedisTls { setting, reason: reason.to_string() }
}
