//! TLS to endpoints: whose certificates are taken, and what is agreed on.

use std::{fs, path::Path};

use axum::http::Version;
use ferrox_testbed::{
    front::TlsFront,
    gateway::{Gateway, GatewayOptions},
    upstream::Upstream,
    wait::eventually,
};
use serde_json::{Value, json};

use crate::{
    authority::Authority,
    rows,
    tls::{ENCRYPTION_KEY, put},
};

/// An upstream behind TLS for the name `right.test`.
struct Behind {
    upstream: Upstream,
    front: TlsFront,
    authority: String,
    folder: tempfile::TempDir,
}

impl Behind {
    async fn start(alpn: &[&str]) -> Self {
        Self::start_for(alpn, None).await
    }

    /// For clients whose certificates the authority in a file signed.
    async fn start_for(alpn: &[&str], clients: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Authority::new().files(folder.path(), "right.test");
        let upstream = Upstream::start_new("u").unwrap();
        let front =
            TlsFront::start_in(folder.path(), "front", &files, alpn, clients, upstream.port()).await.unwrap();
        Self { upstream, front, authority: fs::read_to_string(files.authority).unwrap(), folder }
    }

    fn rows(&self, tls: &Value, columns: &str) -> String {
        "insert into upstreams (name) values ('u');".to_owned()
            + &rows::endpoint("u", self.front.port())
            + &rows::route("u", "u")
            + &format!("update upstreams set tls = '{tls}', {columns};")
    }
}

fn another_authority(folder: &Path) -> String {
    fs::read_to_string(Authority::new().files(folder, "another").authority).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_name_by_the_right_authority_is_taken() {
    let behind = Behind::start(&[]).await;
    let wrong = another_authority(behind.folder.path());
    let right = &behind.authority;
    let cases = [
        (json!({"sni": "right.test", "ca": right}), 200),
        (json!({"sni": "right.test", "ca": wrong}), 503),
        (json!({"sni": "wrong.test", "ca": right}), 503),
        (json!({"sni": "wrong.test", "verify": false}), 200),
    ];
    for (tls, status) in cases {
        // One that fails must not count against the next.
        let gateway = Gateway::start(&behind.rows(&tls, "failures = 1000")).await.unwrap();
        assert_eq!(gateway.get("/u").await.unwrap().status(), status, "{}", tls["sni"]);
    }
    assert_eq!(behind.upstream.requests("/u"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_names_no_authority_is_trusted_by_the_file_of_the_setting() {
    let behind = Behind::start(&[]).await;
    let mut gateway = Gateway::start("").await.unwrap();
    for (authority, status) in
        [(another_authority(behind.folder.path()), 503), (behind.authority.clone(), 200)]
    {
        let file = behind.folder.path().join(format!("trusted-{status}.pem"));
        fs::write(&file, authority).unwrap();
        gateway.control_plane.service().kill().unwrap();
        gateway.control_plane.service().set_variable("FERROX_TRUSTED_CA", &file.display().to_string());
        gateway.control_plane.start().await.unwrap();
        if status == 503 {
            let rows = behind.rows(&json!({"sni": "right.test"}), "failures = 1000");
            gateway.sql(&rows).await.unwrap();
        }
        gateway.until("/u", status).await.unwrap();
    }
    assert!(behind.upstream.requests("/u") > 0);
}

/// The version of a request of ours: a health check, which may come right after it, has its own.
async fn asked(gateway: &Gateway, upstream: &Upstream) -> Version {
    let mut version = None;
    eventually("our request is the last", async || {
        gateway.until("/u", 200).await.unwrap();
        version = upstream.last().filter(|last| last.path_and_query == "/u").map(|last| last.version);
        version.is_some()
    })
    .await
    .unwrap();
    version.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_spoken_is_what_tls_agrees_on() {
    for (offered, protocol, spoken) in [
        (&["h2", "http/1.1"][..], "auto", Version::HTTP_2),
        (&["http/1.1"], "auto", Version::HTTP_11),
        (&[], "auto", Version::HTTP_11),
        (&["h2", "http/1.1"], "http1", Version::HTTP_11),
        (&["h2", "http/1.1"], "http2", Version::HTTP_2),
    ] {
        let behind = Behind::start(offered).await;
        let tls = json!({"sni": "right.test", "ca": behind.authority});
        // The check speaks the same, or no request would be served.
        let columns = format!("protocol = '{protocol}', health_check = '{{\"http\": {{\"path\": \"/\"}}}}'");
        let gateway = Gateway::start(&behind.rows(&tls, &columns)).await.unwrap();
        let spoke = asked(&gateway, &behind.upstream).await;
        assert_eq!(spoke, spoken, "{protocol} of {offered:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_is_shown_the_certificate_that_it_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let client = Authority::new().files(folder.path(), "gateway.test");
    let behind = Behind::start_for(&[], Some(&client.authority)).await;
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let options =
        GatewayOptions { encryption_keys: Some(ENCRYPTION_KEY.to_owned()), ..GatewayOptions::default() };
    let tls = json!({"sni": "right.test", "ca": behind.authority});
    let gateway = Gateway::start_with(&behind.rows(&tls, "failures = 1000"), options).await.unwrap();
    assert_eq!(gateway.get("/u").await.unwrap().status(), 503);

    assert!(put(&gateway, "client", &read(&client.cert), &read(&client.key)).await.status.success());
    gateway.sql("update upstreams set tls = tls || '{\"client_certificate\": \"client\"}'").await.unwrap();
    gateway.until("/u", 200).await.unwrap();

    let removed = gateway.ferrox(&["certificate", "remove", "client"], "").await.unwrap();
    let told = String::from_utf8(removed.stderr).unwrap();
    assert!(!removed.status.success() && told.contains("is used by upstream u"), "{told}");
}
