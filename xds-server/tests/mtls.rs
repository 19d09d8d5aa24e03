//! Mutual TLS on the xDS port of the real server: who is let in, as which node, and what is said of files that make no
//! sense.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed expectation in a test is a failed test"
)]

mod authority;
mod postgres;

use std::{
    fs,
    future::poll_fn,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use envoy_types::pb::envoy::{
    config::core::v3::Node,
    service::{
        discovery::v3::{
            DiscoveryRequest, aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
        },
        status::v3::{
            ClientStatusRequest, client_status_discovery_service_client::ClientStatusDiscoveryServiceClient,
        },
    },
};
use ferrox_policy::auth::USAGE_PATH;
use ferrox_xds_server::snapshot::Kind;
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic::{
    Code, Status,
    body::Body,
    codegen::Service,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};

use authority::{Authority, Credentials};
use postgres::Postgres;

/// Longest wait for anything that should happen at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// The name in the server's certificate.
const SERVER: &str = "xds.test";

/// The real server with TLS.
struct Server {
    process: Child,
    xds: SocketAddr,
    admin: SocketAddr,
    authority: Authority,
    _postgres: Postgres,
    _files: TempDir,
}

impl Server {
    fn start() -> Self {
        let authority = Authority::new("ours");
        let files = TempDir::new().unwrap();
        let settings = Settings::write(files.path(), &authority.sign(SERVER), &authority.pem());
        let postgres = Postgres::start();
        let mut process = ferrox(&settings.all())
            .args(["--database-url", &postgres.url(), "--log-format", "json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let listening =
            log.find(|line| line.contains(r#""message":"listening""#)).expect("a server that listens");
        // Read on, or the server would wait for room in the pipe.
        std::thread::spawn(move || log.for_each(drop));
        let listening: serde_json::Value = serde_json::from_str(&listening).unwrap();
        let address = |which: &str| listening["fields"][which].as_str().unwrap().parse().unwrap();
        let (xds, admin) = (address("xds"), address("admin"));
        Self { process, xds, admin, authority, _postgres: postgres, _files: files }
    }

    /// A way to the server for a client that trusts it.
    fn endpoint(&self, client: Option<&Credentials>) -> Endpoint {
        let trusting = ClientTlsConfig::new()
            .domain_name(SERVER)
            .ca_certificate(Certificate::from_pem(self.authority.pem()));
        let tls = match client {
            Some(client) => trusting.identity(client.identity()),
            None => trusting,
        };
        Endpoint::from_shared(format!("https://{}", self.xds)).unwrap().tls_config(tls).unwrap()
    }

    fn plain_endpoint(&self) -> Endpoint {
        Endpoint::from_shared(format!("http://{}", self.xds)).unwrap()
    }

    /// A page of the administration endpoint.
    fn page(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.admin).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The files of the three settings.
struct Settings {
    cert: PathBuf,
    key: PathBuf,
    client_ca: PathBuf,
}

impl Settings {
    fn write(folder: &Path, server: &Credentials, client_ca: &str) -> Self {
        let file = |name: &str, content: &str| {
            let path = folder.join(name);
            fs::write(&path, content).unwrap();
            path
        };
        Self {
            cert: file("cert.pem", &server.certificate),
            key: file("key.pem", &server.key),
            client_ca: file("ca.pem", client_ca),
        }
    }

    fn all(&self) -> Vec<(&'static str, &Path)> {
        vec![
            ("--xds-tls-cert", &self.cert),
            ("--xds-tls-key", &self.key),
            ("--xds-tls-client-ca", &self.client_ca),
        ]
    }
}

fn ferrox(tls: &[(&str, &Path)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrox"));
    command.env_clear().args(["serve", "--xds-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    for (flag, file) in tls {
        command.arg(flag).arg(file);
    }
    command
}

/// Introduces itself as a node; the first thing that the server says to that.
async fn ask(endpoint: Endpoint, id: &str, cluster: &str) -> Result<(), Status> {
    let channel = connect(endpoint).await?;
    let node = Node { id: id.to_owned(), cluster: cluster.to_owned(), ..Node::default() };
    let request = DiscoveryRequest {
        node: Some(node),
        type_url: Kind::Cluster.type_url().to_owned(),
        ..DiscoveryRequest::default()
    };
    let requests = tokio_stream::once(request).chain(tokio_stream::pending());
    let mut client = AggregatedDiscoveryServiceClient::new(channel);
    let responses = timeout(PATIENCE, client.stream_aggregated_resources(requests)).await.unwrap()?;
    timeout(PATIENCE, responses.into_inner().next()).await.unwrap().expect("an answer").map(drop)
}

/// In TLS 1.3 a client learns only after its handshake that it is refused: with the first call at the latest.
async fn connect(endpoint: Endpoint) -> Result<Channel, Status> {
    let connected = timeout(PATIENCE, endpoint.connect()).await.unwrap();
    connected.map_err(|error| Status::unavailable(error.to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_served_as_a_node_that_its_certificate_names_and_as_no_other() {
    let server = Server::start();
    let as_node = |names: &str, id: &'static str, cluster: &'static str| {
        ask(server.endpoint(Some(&server.authority.sign(names))), id, cluster)
    };
    as_node("envoy-1.edge", "envoy-1", "edge").await.expect("the certificate of the node");
    as_node("edge", "envoy-7", "edge").await.expect("the certificate of its gateway");
    as_node("other,envoy-1.edge", "envoy-1", "edge").await.expect("a certificate with several names");
    for names in ["envoy-2.edge", "internal", "*.edge", ""] {
        let denied = as_node(names, "envoy-1", "edge").await.unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied, "{names}: {denied}");
        assert!(!denied.message().contains("envoy"), "{denied}");
    }
    let metrics = server.page("/metrics");
    assert!(metrics.contains("ferrox_xds_denied_nodes_total 4\n"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_valid_certificate_of_the_authority_is_not_let_in_at_all() {
    let server = Server::start();
    let good = server.authority.sign("envoy-1.edge");
    ask(server.endpoint(Some(&good)), "envoy-1", "edge").await.expect("the server is there");

    let stranger = Authority::new("ours").sign("envoy-1.edge");
    let expired = server.authority.sign_expired("envoy-1.edge");
    for (endpoint, what) in [
        (server.endpoint(None), "no certificate"),
        (server.endpoint(Some(&stranger)), "another authority of the same name"),
        (server.endpoint(Some(&expired)), "expired"),
        (server.plain_endpoint(), "clear text"),
    ] {
        let refused = ask(endpoint.clone(), "envoy-1", "edge").await.expect_err(what);
        assert_ne!(refused.code(), Code::PermissionDenied, "{what} came as far as the protocol: {refused}");
        let csds = async {
            let mut client = ClientStatusDiscoveryServiceClient::new(connect(endpoint).await?);
            timeout(PATIENCE, client.fetch_client_status(ClientStatusRequest::default())).await.unwrap()
        };
        csds.await.expect_err(what);
    }
    let metrics = server.page("/metrics");
    assert!(metrics.contains("ferrox_xds_denied_nodes_total 0\n"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_certificate_of_the_authority_may_ask_for_the_status_of_clients() {
    let server = Server::start();
    let endpoint = server.endpoint(Some(&server.authority.sign("operator")));
    let mut client = ClientStatusDiscoveryServiceClient::new(connect(endpoint).await.unwrap());
    let status = client.fetch_client_status(ClientStatusRequest::default()).await.unwrap().into_inner();
    assert!(status.config.is_empty());
}

/// Reports that no key was used; the status of the answer.
async fn report(endpoint: Endpoint) -> Result<u16, Status> {
    let mut channel = connect(endpoint).await?;
    poll_fn(|context| channel.poll_ready(context))
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let body = Body::new(axum::body::Body::from(r#"{"keys": []}"#));
    let request = tonic::codegen::http::Request::post(USAGE_PATH).body(body).unwrap();
    let response = timeout(PATIENCE, channel.call(request)).await.unwrap();
    response
        .map(|response| response.status().as_u16())
        .map_err(|error| Status::unavailable(error.to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_use_of_keys_is_reported_by_nodes_of_a_gateway_alone() {
    let server = Server::start();
    let by = |names: &str| report(server.endpoint(Some(&server.authority.sign(names))));
    // A new database has the gateway 'ferrox'.
    eventually_ready(&server).await;
    for names in ["envoy-1.ferrox", "ferrox", "other,envoy-1.ferrox"] {
        assert_eq!(by(names).await.unwrap(), 204, "{names}");
    }
    for names in ["envoy-1.edge", "operator", "*.ferro", "myferrox"] {
        assert_eq!(by(names).await.unwrap(), 403, "{names}");
    }
    report(server.endpoint(None)).await.expect_err("no certificate");
    let metrics = server.page("/metrics");
    assert!(metrics.contains("ferrox_xds_key_usage_reports_refused_total 4\n"), "{metrics}");
}

/// Waits until the server serves what the database holds.
async fn eventually_ready(server: &Server) {
    let ready = async {
        while !server.page("/readyz").starts_with("HTTP/1.1 200") {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, ready).await.expect("a server that is ready");
}

/// What the command says before it ends, which it does with a failure.
fn complaint(tls: &[(&str, &Path)]) -> String {
    let Output { status, stderr, stdout } =
        ferrox(tls).args(["--database-url", "postgres://nobody@127.0.0.1:1/none"]).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(!status.success(), "{}{stderr}", String::from_utf8_lossy(&stdout));
    stderr
}

#[test]
fn a_setting_of_tls_without_the_others_is_refused_by_name() {
    let files = TempDir::new().unwrap();
    let authority = Authority::new("ours");
    let settings = Settings::write(files.path(), &authority.sign(SERVER), &authority.pem());
    for (index, missing) in
        ["FERROX_XDS_TLS_CERT", "FERROX_XDS_TLS_KEY", "FERROX_XDS_TLS_CLIENT_CA"].iter().enumerate()
    {
        let mut given = settings.all();
        let (flag, _) = given.remove(index);
        let complaint = complaint(&given);
        assert!(complaint.contains(&format!("{flag} ({missing}) is missing")), "{complaint}");
        let others = given.iter().all(|(other, _)| !complaint.contains(&format!("{other} (")));
        assert!(others, "{complaint}");
    }
}

#[test]
fn a_file_that_makes_no_sense_is_refused_with_its_name_and_the_reason() {
    let files = TempDir::new().unwrap();
    let authority = Authority::new("ours");
    let (ours, other) = (authority.sign(SERVER), authority.sign(SERVER));
    let damaged = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let one_good = format!("{}{junk}", authority.pem());
    let cases = [
        (0, ours.key.as_str(), "holds no certificate"),
        (0, "", "holds no certificate"),
        (0, damaged, "is no well-formed PEM"),
        (0, junk, "holds a certificate that cannot be parsed"),
        (1, ours.certificate.as_str(), "holds no unencrypted private key"),
        (1, other.key.as_str(), "not that of the certificate"),
        (2, "junk", "holds no certificate"),
        (2, one_good.as_str(), "holds a certificate that cannot be parsed"),
    ];
    for (index, content, reason) in cases {
        let settings = Settings::write(files.path(), &ours, &authority.pem());
        let (flag, file) = settings.all()[index];
        fs::write(file, content).unwrap();
        let complaint = complaint(&settings.all());
        let expected = [flag, &file.display().to_string(), reason];
        assert!(expected.iter().all(|part| complaint.contains(part)), "{expected:?}: {complaint}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_refused_with_its_name_and_the_reason() {
    let files = TempDir::new().unwrap();
    let authority = Authority::new("ours");
    let settings = Settings::write(files.path(), &authority.sign(SERVER), &authority.pem());
    for index in 0..3 {
        let mut given = settings.all();
        let absent = files.path().join("absent.pem");
        given[index].1 = &absent;
        let complaint = complaint(&given);
        assert!(
            complaint.contains(given[index].0) && complaint.contains("absent.pem cannot be read"),
            "{complaint}"
        );
    }
}

#[test]
fn a_damaged_key_is_not_shown() {
    let files = TempDir::new().unwrap();
    let authority = Authority::new("ours");
    let settings = Settings::write(files.path(), &authority.sign(SERVER), &authority.pem());
    let begin = "-----BEGIN PRIVATE KEY-----";
    for content in [format!("{begin}SECRET"), format!("{begin}\nSECRET!"), format!("{begin}\nSECRET\n")] {
        fs::write(&settings.key, &content).unwrap();
        let complaint = complaint(&settings.all());
        assert!(complaint.contains("key.pem is no well-formed PEM"), "{content}: {complaint}");
        assert!(!complaint.contains("SECRET"), "{complaint}");
    }
}
