//! Issuers behind TLS: whom the control plane believes, and where it lets itself be sent.

use std::path::Path;

use axum::http::{StatusCode, header::LOCATION};
use ferrox_testbed::{
    front::TlsFront,
    gateway::{Gateway, GatewayOptions},
    tls::TlsFiles,
    tokens::Issuer,
    upstream::{Answer, Upstream},
};

use super::{Publisher, failed, passes, start, status, token};
use crate::{authority::Authority, rows};

/// A publisher behind TLS for the name `localhost`.
struct Secure {
    publisher: Publisher,
    front: TlsFront,
    files: TlsFiles,
    folder: tempfile::TempDir,
}

impl Secure {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Authority::new().files(folder.path(), "localhost");
        let publisher = Publisher::new();
        let port = publisher.server.port();
        let front = TlsFront::start_in(folder.path(), "front", &files, &[], None, port).await.unwrap();
        Self { publisher, front, files, folder }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.front.port())
    }

    /// A gateway whose provider's keys are at `/keys`, on a control plane that trusts these.
    async fn gateway(&self, upstream: &Upstream, authorities: &Path) -> Gateway {
        let provider = self.publisher.provider_with(&format!("jwks_uri = '{}'", self.url("/keys")));
        let mut gateway = start(&provider, upstream, GatewayOptions::default()).await;
        trust(&mut gateway, authorities).await;
        gateway
    }
}

impl Publisher {
    fn redirect(&self, path: &str, location: &str) {
        let mut answer = Answer { status: StatusCode::FOUND, ..Answer::default() };
        answer.headers.insert(LOCATION, location.parse().unwrap());
        self.server.answer(path, answer);
    }
}

/// Starts the control plane again, to trust others.
async fn trust(gateway: &mut Gateway, authorities: &Path) {
    let service = gateway.control_plane.service();
    service.kill().unwrap();
    service.set_variable("FERROX_TRUSTED_CA", &authorities.display().to_string());
    gateway.control_plane.start().await.unwrap();
    // After some failures in a row the next attempt is a while away.
    gateway.sql("update jwks_fetches set due_at = now()").await.unwrap();
}

async fn fetch_from(gateway: &Gateway, url: &str) {
    gateway.sql(&format!("update jwt_providers set jwks_uri = '{url}'")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_over_tls_from_the_right_name_by_a_trusted_authority_alone() {
    let (upstream, secure) = (Upstream::start_new("u").unwrap(), Secure::start().await);
    let issuer = Issuer::es256("k").unwrap();
    secure.publisher.keys(&[&issuer]);
    let another = Authority::new().files(secure.folder.path(), "another").authority;
    let mut gateway = secure.gateway(&upstream, &another).await;
    let iss = rows::issuer("id");
    failed(&gateway, "/keys: cannot be asked: invalid peer certificate: UnknownIssuer").await;
    trust(&mut gateway, Path::new("/nowhere")).await;
    failed(&gateway, "/keys: cannot be asked: no authority to trust: /nowhere cannot be read").await;
    trust(&mut gateway, &secure.files.key).await;
    failed(&gateway, "holds no certificate in PEM form").await;

    trust(&mut gateway, &secure.files.authority).await;
    fetch_from(&gateway, &secure.url("/keys").replace("localhost", "127.0.0.1")).await;
    failed(&gateway, "/keys: cannot be asked: invalid peer certificate: certificate not valid for name")
        .await;
    assert_ne!(status(&gateway, &token(&issuer, &iss)).await, 200);
    assert_eq!(secure.publisher.server.control().all_requests(), 0, "nothing was asked of a stranger");
    fetch_from(&gateway, &secure.url("/keys")).await;
    passes(&gateway, &issuer, &iss).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_three_times_and_to_trusted_https_alone() {
    let (upstream, secure) = (Upstream::start_new("u").unwrap(), Secure::start().await);
    let issuer = Issuer::es256("k").unwrap();
    secure.publisher.keys(&[&issuer]);
    let plain = Publisher::new();
    plain.keys(&[&issuer]);
    let gateway = secure.gateway(&upstream, &secure.files.authority).await;
    passes(&gateway, &issuer, &rows::issuer("id")).await;

    secure.publisher.redirect("/to-plain", &plain.url("/keys"));
    secure.publisher.redirect("/to-ftp", &format!("ftp://127.0.0.1:{}/keys", plain.server.port()));
    secure.publisher.redirect("/to-file", "file:///etc/passwd");
    secure.publisher.redirect("/to-nowhere", "https://");
    secure.publisher.redirect("/to-stranger", &secure.url("/keys").replace("localhost", "127.0.0.1"));
    secure.publisher.redirect("/loop", "/loop");
    for (path, reason) in [
        ("/to-plain", "redirects to something else than https"),
        ("/to-ftp", "redirects to something else than https"),
        ("/to-file", "redirects without a Location that is a URL or a path"),
        ("/to-nowhere", "redirects without a Location that is a URL or a path"),
        ("/to-stranger", "cannot be asked: invalid peer certificate: certificate not valid for name"),
        ("/loop", "redirects more than 3 times"),
    ] {
        fetch_from(&gateway, &secure.url(path)).await;
        failed(&gateway, &format!("{path}: {reason}")).await;
    }
    assert_eq!(plain.fetches(), 0);
    // By clear text too: who is on the way could send anybody anywhere.
    plain.redirect("/away", "/keys");
    fetch_from(&gateway, &plain.url("/away")).await;
    failed(&gateway, "/away: redirects to something else than https").await;
    assert_eq!(plain.fetches(), 0);

    let new = Issuer::eddsa("new").unwrap();
    secure.publisher.keys(&[&new]);
    let last = secure.url("/keys");
    for (from, to) in [("/4", "/3"), ("/3", "/2"), ("/2", "/1"), ("/1", last.as_str())] {
        secure.publisher.redirect(from, to);
    }
    fetch_from(&gateway, &secure.url("/4")).await;
    failed(&gateway, "/4: redirects more than 3 times").await;
    fetch_from(&gateway, &secure.url("/3")).await;
    passes(&gateway, &new, &rows::issuer("id")).await;
}
