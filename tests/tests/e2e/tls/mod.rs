//! TLS at listeners: which certificate a client is shown, and what a change of one costs.

mod at_rest;
mod command;

use bytes::Bytes;
use ferrox_testbed::{
    bootstrap::Protocol,
    gateway::{Gateway, GatewayOptions},
    ports::Port,
    upstream::Upstream,
    wait::eventually,
};
use h2::client::SendRequest;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{client::TlsStream, rustls::pki_types::CertificateDer};

use crate::{
    listeners, rows,
    wire::{exchange, get, shown, tls},
    xds::in_both_variants,
};

in_both_variants!(
    a_renewed_certificate_is_shown_to_new_connections_and_drops_no_other,
    a_certificate_comes_and_goes_beside_open_connections,
);

/// What the tests' secrets are encrypted with: 32 bytes in base64.
pub(crate) const ENCRYPTION_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A certificate and its key, in PEM form.
struct Site {
    chain: String,
    key: String,
    certificate: CertificateDer<'static>,
}

impl Site {
    fn new(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        Self::of(CertificateParams::new(names).unwrap())
    }

    fn of(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            chain: certificate.pem(),
            key: key.serialize_pem(),
            certificate: CertificateDer::from(certificate.der().to_vec()),
        }
    }

    /// Puts it into the gateway's database; the output of the command.
    async fn put(&self, gateway: &Gateway, name: &str) -> std::process::Output {
        put(gateway, name, &self.chain, &self.key).await
    }
}

pub(crate) async fn put(gateway: &Gateway, name: &str, chain: &str, key: &str) -> std::process::Output {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (chain, key) = (file("chain.pem", chain), file("key.pem", key));
    let args = ["certificate", "put", name, "--chain", &chain, "--key", &key];
    gateway.ferrox(&args, ENCRYPTION_KEY).await.unwrap()
}

/// A gateway with the route `/r`, and these certificates, none of which is shown yet.
async fn gateway(protocol: Protocol, upstream: &Upstream, sites: &[(&str, &Site)]) -> Gateway {
    let rows = rows::upstream(upstream) + &rows::route("r", upstream.name());
    let options = GatewayOptions {
        protocol,
        encryption_keys: Some(ENCRYPTION_KEY.to_owned()),
        ..GatewayOptions::default()
    };
    let gateway = Gateway::start_with(&rows, options).await.unwrap();
    for (name, site) in sites {
        let output = site.put(&gateway, name).await;
        assert!(output.status.success(), "{output:?}");
    }
    gateway
}

/// Adds a listener that shows these certificates.
async fn show(gateway: &Gateway, certificates: &str, default: &str) -> Port {
    let columns = "protocol, certificates, default_certificate";
    let port =
        listeners::add(gateway, "l", columns, &format!("'https', '{{{certificates}}}', {default}")).await;
    // Until Envoy has the secrets it takes connections and closes them.
    let first = certificates.split(',').next().unwrap();
    eventually("a certificate is shown", async || {
        connect(&port, Some(&format!("{first}.test")), &[]).await.is_ok()
    })
    .await
    .unwrap();
    port
}

async fn connect(
    port: &Port,
    name: Option<&str>,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    tls(TcpStream::connect(port.address()).await?, name, protocols).await
}

/// What a client that asks for a name is shown; `None` if it is refused.
async fn shown_to(port: &Port, name: Option<&str>) -> Option<CertificateDer<'static>> {
    connect(port, name, &[]).await.ok().map(|stream| shown(&stream))
}

/// A connection of HTTP/2 on which requests follow each other.
struct Open(SendRequest<Bytes>);

impl Open {
    async fn new(port: &Port, name: &str) -> Self {
        let stream = connect(port, Some(name), &["h2"]).await.unwrap();
        let (requests, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self(requests)
    }

    async fn status(&mut self) -> u16 {
        let request = http::Request::get("https://gateway/r").body(()).unwrap();
        let requests = self.0.clone().ready().await.expect("the connection is open");
        let (answer, _) = { requests }.send_request(request, true).unwrap();
        answer.await.expect("an answer").status().as_u16()
    }
}

/// How often Envoy has changed listeners, in place or not.
async fn listener_changes(gateway: &mut Gateway) -> [u64; 3] {
    let stats = gateway.envoy().unwrap().stats().await.unwrap();
    ["listener_added", "listener_modified", "listener_in_place_updated"]
        .map(|name| stats[&format!("listener_manager.{name}")])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_shown_the_certificate_that_it_asks_for() {
    let upstream = Upstream::start_new("u").unwrap();
    let (api, site) = (Site::new(&["api.test"]), Site::new(&["site.test", "*.site.test"]));
    let sites = [("api", &api), ("site", &site)];
    let gateway = gateway(Protocol::Delta, &upstream, &sites).await;
    let port = show(&gateway, "api,site", "null").await;
    let (api, site) = (Some(api.certificate), Some(site.certificate));
    assert_eq!(shown_to(&port, Some("api.test")).await, api);
    assert_eq!(shown_to(&port, Some("site.test")).await, site);
    assert_eq!(shown_to(&port, Some("www.site.test")).await, site);
    assert_eq!(shown_to(&port, Some("other.test")).await, None);
    assert_eq!(shown_to(&port, None).await, None);

    let stream = connect(&port, Some("api.test"), &[]).await.unwrap();
    let answer = exchange(stream, get("/r", "api.test", &[]).as_bytes()).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(upstream.last().unwrap().headers["x-forwarded-proto"], "https");
    // Who speaks no TLS is not answered.
    let stream = TcpStream::connect(port.address()).await.unwrap();
    assert_eq!(exchange(stream, get("/r", "api.test", &[]).as_bytes()).await, None);

    gateway.sql("update listeners set default_certificate = 'api'").await.unwrap();
    eventually("there is a default", async || shown_to(&port, None).await == api).await.unwrap();
    assert_eq!(shown_to(&port, Some("other.test")).await, api);
    assert_eq!(shown_to(&port, Some("www.site.test")).await, site);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_offered_where_the_listener_says() {
    let upstream = Upstream::start_new("u").unwrap();
    let site = Site::new(&["site.test"]);
    let gateway = gateway(Protocol::Delta, &upstream, &[("site", &site)]).await;
    let port = show(&gateway, "site", "null").await;
    let chosen = async |port: &Port| {
        let stream = connect(port, Some("site.test"), &["h2", "http/1.1"]).await.ok()?;
        stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec)
    };
    assert_eq!(chosen(&port).await.as_deref(), Some(b"h2".as_slice()));
    assert_eq!(Open::new(&port, "site.test").await.status().await, 200);
    gateway.sql("update listeners set http2 = false").await.unwrap();
    eventually("HTTP/1.1 is chosen", async || chosen(&port).await.as_deref() == Some(b"http/1.1".as_slice()))
        .await
        .unwrap();
}

async fn a_renewed_certificate_is_shown_to_new_connections_and_drops_no_other(protocol: Protocol) {
    let upstream = Upstream::start_new("u").unwrap();
    let (old, new) = (Site::new(&["site.test"]), Site::new(&["site.test"]));
    let mut gateway = gateway(protocol, &upstream, &[("site", &old)]).await;
    let port = show(&gateway, "site", "null").await;
    assert_eq!(shown_to(&port, Some("site.test")).await, Some(old.certificate));
    let mut open = Open::new(&port, "site.test").await;
    assert_eq!(open.status().await, 200);
    let changes = listener_changes(&mut gateway).await;

    assert!(new.put(&gateway, "site").await.status.success());
    let new = Some(new.certificate);
    eventually("the new one is shown", async || shown_to(&port, Some("site.test")).await == new)
        .await
        .unwrap();
    assert_eq!(open.status().await, 200);
    assert_eq!(listener_changes(&mut gateway).await, changes, "no listener has changed");
}

async fn a_certificate_comes_and_goes_beside_open_connections(protocol: Protocol) {
    let upstream = Upstream::start_new("u").unwrap();
    let (api, site) = (Site::new(&["api.test"]), Site::new(&["site.test"]));
    let mut gateway = gateway(protocol, &upstream, &[("api", &api), ("site", &site)]).await;
    let port = show(&gateway, "site", "null").await;
    let mut open = Open::new(&port, "site.test").await;
    assert_eq!(open.status().await, 200);
    let [added, modified, in_place] = listener_changes(&mut gateway).await;

    gateway.sql("update listeners set certificates = '{api,site}'").await.unwrap();
    let api = Some(api.certificate);
    eventually("it has come", async || shown_to(&port, Some("api.test")).await == api).await.unwrap();
    assert_eq!(open.status().await, 200);
    gateway
        .sql("update listeners set certificates = '{site}'; delete from certificates where name = 'api'")
        .await
        .unwrap();
    eventually("it has gone", async || shown_to(&port, Some("api.test")).await.is_none()).await.unwrap();
    assert_eq!(open.status().await, 200);
    assert_eq!(listener_changes(&mut gateway).await, [added, modified + 2, in_place + 2]);
    let status = gateway.status().await.unwrap();
    let node = &status["nodes"][0]["resources"];
    assert!(node["secrets"]["refused"].is_null() && node["listeners"]["refused"].is_null(), "{node}");
}
