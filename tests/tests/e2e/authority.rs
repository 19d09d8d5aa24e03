//! A certificate authority of a test's own.

use std::{fs, path::Path};

use ferrox_testbed::tls::TlsFiles;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Of the same name as its certificates, it would make each look signed by itself.
        params.distinguished_name.push(DnType::CommonName, "authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// The files of somebody who has a certificate for a DNS name, and trusts this authority.
    pub(crate) fn files(&self, folder: &Path, name: &str) -> TlsFiles {
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        let write = |kind: &str, content: String| {
            let path = folder.join(format!("{name}-{kind}.pem"));
            fs::write(&path, content).unwrap();
            path
        };
        TlsFiles {
            cert: write("cert", cert.pem()),
            key: write("key", key.serialize_pem()),
            authority: write("ca", self.0.pem()),
        }
    }
}
