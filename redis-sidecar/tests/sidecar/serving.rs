//! Protocols, metrics, and the orderly end.

use std::{os::unix::fs::PermissionsExt, sync::Arc};

use clap::Parser;
use ferrox_redis_sidecar::{Settings, Sidecar, StartError};
use reqwest::{Client, Version};
use tokio::net::TcpStream;

use crate::{
    redis_server::RedisServer,
    testbed::{Testbed, limit, until},
};

const NAME: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

#[tokio::test]
async fn one_listener_speaks_http_1_and_http_2() {
    let redis = RedisServer::start();
    let mut testbed = Testbed::ready(&redis.url()).await;
    let clients = [
        (Version::HTTP_11, Client::builder().http1_only()),
        (Version::HTTP_2, Client::builder().http2_prior_knowledge()),
    ];
    for (version, client) in clients {
        testbed.client = client.build().unwrap();
        let response = testbed.client.get(format!("{}/healthz", testbed.base)).send().await.unwrap();
        assert_eq!((response.version(), response.status().as_u16()), (version, 200));
        assert!(testbed.decide(&[limit("a", 2, 60_000)]).await.allowed);
        assert_eq!(testbed.put(NAME, "60", b"entry").await.status, 204);
        assert_eq!(testbed.entry_bytes(NAME).await, b"entry");
    }
    assert!(!testbed.decide(&[limit("a", 2, 60_000)]).await.allowed, "both counted the same");
}

#[tokio::test]
async fn the_metrics_count_what_happened() {
    let mut redis = RedisServer::start();
    let testbed = Testbed::ready(&redis.url()).await;
    let zero = [
        r#"ferrox_sidecar_limit_decisions_total{outcome="allowed"} 0"#,
        r#"ferrox_sidecar_redis_failures_total{reason="timeout"} 0"#,
        r#"ferrox_sidecar_redis_failures_total{reason="refused"} 0"#,
    ];
    for line in zero {
        assert!(testbed.metric(line).await, "{line}");
    }
    testbed.decide(&[limit("a", 1, 60_000)]).await;
    testbed.decide(&[limit("a", 1, 60_000)]).await;
    testbed.decide(&[limit("a", 1, 60_000)]).await;
    testbed.limits(&[]).await;
    let path = format!("/v1/cache/{NAME}");
    testbed.get(&path).await;
    testbed.put(NAME, "60", b"x").await;
    testbed.get(&path).await;
    redis.kill();
    assert_eq!(testbed.limits(&[limit("a", 1, 60_000)]).await.status, 503);
    assert_eq!(testbed.get(&path).await.status, 503);
    assert_eq!(testbed.put(NAME, "60", b"x").await.status, 503);

    let lines = [
        r#"ferrox_sidecar_limit_decisions_total{outcome="allowed"} 1"#,
        r#"ferrox_sidecar_limit_decisions_total{outcome="denied"} 2"#,
        r#"ferrox_sidecar_limit_decisions_total{outcome="failed"} 1"#,
        r#"ferrox_sidecar_cache_lookups_total{outcome="hit"} 1"#,
        r#"ferrox_sidecar_cache_lookups_total{outcome="miss"} 1"#,
        r#"ferrox_sidecar_cache_lookups_total{outcome="failed"} 1"#,
        r#"ferrox_sidecar_cache_stores_total{outcome="stored"} 1"#,
        r#"ferrox_sidecar_cache_stores_total{outcome="failed"} 1"#,
        r#"ferrox_sidecar_redis_failures_total{reason="unavailable"} 3"#,
        "ferrox_sidecar_requests_waiting 0",
    ];
    let page = testbed.get("/metrics").await.body;
    for line in lines {
        assert!(page.lines().any(|other| other == line), "{line} in {page}");
    }
    assert!(page.contains("ferrox_sidecar_redis_round_trip_seconds_bucket{le=\"0.05\"}"), "{page}");
}

#[tokio::test]
async fn a_request_under_way_finishes_when_the_sidecar_stops() {
    let redis = RedisServer::start();
    let mut testbed = Testbed::ready(&redis.url()).await;
    redis.run::<()>("CLIENT PAUSE 60000 WRITE");
    let under_way = tokio::spawn({
        let other = Client::new();
        let put = other.put(testbed.entry(NAME)).header("x-ferrox-ttl", "60").body("x");
        async move { put.send().await.unwrap().status().as_u16() }
    });
    until("it waits", async || testbed.metric("ferrox_sidecar_requests_waiting 1").await).await;

    testbed.stop();
    let address = Arc::<str>::from(testbed.base.trim_start_matches("http://"));
    until("nobody listens", async || TcpStream::connect(&*address).await.is_err()).await;
    assert!(!testbed.serving.is_finished());
    redis.run::<()>("CLIENT UNPAUSE");
    assert_eq!(under_way.await.unwrap(), 204);
    testbed.serving.await.unwrap();
}

/// A socket in a folder of its own, and the setting that names it.
fn socket() -> (tempfile::TempDir, std::path::PathBuf, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sidecar.sock");
    let setting = format!("unix:{}", path.display());
    (folder, path, setting)
}

/// A sidecar that listens there.
async fn at(setting: &str) -> Result<Sidecar, StartError> {
    Sidecar::bind(&Settings::parse_from(["sidecar", "--listen", setting, "--socket-mode", "600"])).await
}

#[tokio::test]
async fn a_unix_socket_is_served_and_goes_with_the_sidecar() {
    let (_folder, path, setting) = socket();
    let sidecar = at(&setting).await.unwrap();
    assert_eq!(sidecar.address().to_string(), setting);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(sidecar.serve(async { stopped.await.unwrap() }));
    let client = Client::builder().unix_socket(path.clone()).http2_prior_knowledge().build().unwrap();
    let answer = client.get("http://sidecar/healthz").send().await.unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (Version::HTTP_2, 200));
    drop(client);
    stop.send(()).unwrap();
    serving.await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn the_socket_of_a_sidecar_that_was_killed_is_taken_over_but_nobody_elses() {
    let (_folder, path, setting) = socket();
    // A listener that is dropped leaves its file, as a process that is killed does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let serving = at(&setting).await.unwrap();
    let busy = at(&setting).await.unwrap_err().to_string();
    assert!(busy.starts_with(&format!("cannot listen on {setting} (--listen): ")), "{busy}");
    drop(serving);
    std::fs::write(&path, "precious").unwrap();
    assert!(at(&setting).await.is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}
