//! Redis over TLS.

use std::{fs, path::PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use crate::{
    redis_server::{RedisServer, free_port},
    testbed::{Testbed, limit, until},
};

/// An authority, and certificates that it signed for the server and for the sidecar.
struct Certificates(TempDir);

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        for name in ["localhost", "client"] {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new([name.to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &authority).unwrap();
            fs::write(folder.path().join(format!("{name}.pem")), certificate.pem()).unwrap();
            fs::write(folder.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        PathBuf::from(self.0.path()).join(name).to_str().unwrap().to_owned()
    }

    /// A Redis with TLS on one port, whose URL this is, and clear text on the other.
    fn server(&self, clients: &str) -> (RedisServer, String) {
        let port = free_port().to_string();
        let (cert, key, ca) = (self.path("localhost.pem"), self.path("localhost.key"), self.path("ca.pem"));
        let server = RedisServer::start_with(&[
            "--tls-port",
            &port,
            "--tls-cert-file",
            &cert,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &ca,
            "--tls-auth-clients",
            clients,
        ]);
        (server, format!("rediss://localhost:{port}"))
    }
}

#[tokio::test]
async fn a_certificate_of_the_authority_is_trusted() {
    let certificates = Certificates::new();
    let (server, url) = certificates.server("no");
    let testbed = Testbed::start_with(&url, &["--redis-ca", &certificates.path("ca.pem")]).await;
    testbed.until_counted(&limit("a", 10, 60_000)).await;
    assert_eq!(server.run::<u64>("GET ferrox:1:limit|a"), 1);
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_or_for_another_name_is_told() {
    let certificates = Certificates::new();
    let (server, url) = certificates.server("no");
    let limit = limit("a", 10, 60_000);
    let testbed = Testbed::start(&url).await;
    let told = "Redis cannot be reached over TLS: invalid peer certificate: UnknownIssuer";
    testbed.until_failing(&limit, "tls", told).await;
    let ca = certificates.path("ca.pem");
    let testbed = Testbed::start_with(&url.replace("localhost", "127.0.0.1"), &["--redis-ca", &ca]).await;
    until("the name is told", async || {
        let told = testbed.limits(std::slice::from_ref(&limit)).await.body;
        told.contains("over TLS: invalid peer certificate") && told.contains("not valid for")
    })
    .await;
    assert!(!server.run::<bool>("EXISTS ferrox:1:limit|a"));
}

#[tokio::test]
async fn a_redis_that_wants_a_certificate_gets_it() {
    let certificates = Certificates::new();
    let (_server, url) = certificates.server("yes");
    let limit = limit("a", 10, 60_000);
    let (ca, cert, key) =
        (certificates.path("ca.pem"), certificates.path("client.pem"), certificates.path("client.key"));
    let testbed = Testbed::start_with(&url, &["--redis-ca", &ca]).await;
    assert_eq!(testbed.limits(std::slice::from_ref(&limit)).await.status, 503);
    let arguments = ["--redis-ca", &ca, "--redis-cert", &cert, "--redis-key", &key];
    let testbed = Testbed::start_with(&url, &arguments).await;
    testbed.until_counted(&limit).await;
}
