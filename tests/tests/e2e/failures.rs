//! Parts that die while clients send requests: nobody notices who does not need them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use ferrox_testbed::{
    gateway::{Gateway, GatewayOptions},
    tokens::Issuer,
    upstream::{Answer, Upstream},
    wait::eventually,
};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::rows;

/// How many requests must be answered after each event, so that it had its chance to hurt.
const ENOUGH: u64 = 100;

/// A client that sends one request after another until it is told to stop.
struct Client {
    answered: Arc<AtomicU64>,
    failures: Arc<Mutex<BTreeMap<String, u64>>>,
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Client {
    /// Sends to each URL in turn; everything but 200 is a failure.
    fn start(requests: Vec<reqwest::RequestBuilder>) -> Self {
        let (answered, failures) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(BTreeMap::new())));
        let stop = Arc::new(AtomicBool::new(false));
        let (counter, book, stopped) = (Arc::clone(&answered), Arc::clone(&failures), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            for request in requests.iter().cycle() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let request = request.try_clone().unwrap();
                let path = request.try_clone().unwrap().build().unwrap().url().path().to_owned();
                let outcome = match request.send().await {
                    Ok(response) if response.status() == 200 => None,
                    Ok(response) => Some(format!("{path}: {}", response.status())),
                    Err(error) => Some(format!("{path}: {error}")),
                };
                if let Some(failure) = outcome {
                    *book.lock().unwrap().entry(failure).or_default() += 1;
                }
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { answered, failures, stop, task }
    }

    async fn enough(&self) {
        let goal = self.answered.load(Ordering::Relaxed) + ENOUGH;
        eventually("requests are answered", async || self.answered.load(Ordering::Relaxed) >= goal)
            .await
            .unwrap();
    }

    async fn finish(self) -> BTreeMap<String, u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        self.failures.lock().unwrap().clone()
    }
}

/// A gateway with every kind of route, and requests to all of them that need no part but Envoy and the upstream.
async fn gateway_and_requests(upstream: &Upstream) -> (Gateway, Vec<reqwest::RequestBuilder>) {
    let issuer = Issuer::es256("k").unwrap();
    let mut rows = rows::upstream(upstream)
        + &rows::provider("es", &issuer.jwks().unwrap())
        + &rows::consumer("acme", "", "acme-key");
    for name in ["public", "token", "key", "limited", "cached"] {
        rows += &rows::route(name, upstream.name());
    }
    rows += &rows::policy("token", "auth", &json!({"jwt": {}}));
    rows += &rows::policy("key", "auth", &json!({"api_key": {}}));
    let limit = json!({"name": "n", "by": "address", "requests": 1_000_000, "window_seconds": 600, "on_store_failure": "allow"});
    rows += &rows::policy("limited", "rate_limit", &json!({ "limits": [limit] }));
    rows += &rows::policy("cached", "cache", &json!({}));
    let gateway =
        Gateway::start_with(&rows, GatewayOptions { own_postgres: true, ..GatewayOptions::default() })
            .await
            .unwrap();
    upstream.answer("/cached", Answer::default().header("cache-control", "max-age=600"));
    let expiry = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 600;
    let claims = json!({"iss": rows::issuer("es"), "aud": "ferrox", "sub": "alice", "exp": expiry});
    let token = format!("Bearer {}", issuer.token(&claims).unwrap());
    let get = |path: &str| gateway.client().get(gateway.url(path));
    let requests = vec![
        get("/public"),
        get("/token").header("authorization", token),
        get("/key").header("x-api-key", "acme-key"),
        get("/limited"),
        get("/cached"),
    ];
    (gateway, requests)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_when_a_part_dies_that_it_does_not_need() {
    let upstream = Upstream::start_new("u").unwrap();
    let (mut gateway, requests) = gateway_and_requests(&upstream).await;
    let client = Client::start(requests);
    client.enough().await;

    gateway.redis.service().kill().unwrap();
    client.enough().await;
    gateway.redis.start().await.unwrap();
    client.enough().await;

    gateway.sidecar.service().kill().unwrap();
    client.enough().await;
    gateway.sidecar.start().await.unwrap();
    client.enough().await;

    gateway.postgres().unwrap().service().kill().unwrap();
    client.enough().await;
    gateway.control_plane.service().kill().unwrap();
    client.enough().await;
    gateway.postgres().unwrap().start().await.unwrap();
    gateway.control_plane.start().await.unwrap();
    client.enough().await;

    // Everything works again: a change goes all the way.
    gateway.sql(&rows::route("new", "u")).await.unwrap();
    gateway.until("/new", 200).await.unwrap();
    assert_eq!(client.finish().await, BTreeMap::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_control_plane_changes_nothing_in_envoy() {
    let upstream = Upstream::start_new("u").unwrap();
    let (mut gateway, _) = gateway_and_requests(&upstream).await;
    let stats = [
        "listener_manager.listener_added",
        "listener_manager.listener_modified",
        "cluster_manager.cluster_added",
        "cluster_manager.cluster_modified",
        "cluster_manager.cluster_removed",
        "http.ferrox.rds.ferrox.config_reload",
    ];
    let read = async |gateway: &mut Gateway| {
        let mut values = Vec::new();
        for stat in stats {
            values.push(gateway.envoy().unwrap().stat(stat).await.unwrap());
        }
        values
    };
    let before = read(&mut gateway).await;
    assert!(before[0] == 1 && before[5] >= 1, "{before:?}");
    gateway.control_plane.service().kill().unwrap();
    gateway.control_plane.start().await.unwrap();
    eventually("Envoy has come back", async || {
        gateway.status().await.unwrap()["nodes"].as_array().is_some_and(|nodes| !nodes.is_empty())
    })
    .await
    .unwrap();
    // A change arrives after whatever the reconnect brought.
    gateway.sql("update upstreams set connect_timeout_ms = 888").await.unwrap();
    eventually("the change has arrived", async || {
        gateway.envoy().unwrap().stat("cluster_manager.cluster_modified").await.unwrap() > before[3]
    })
    .await
    .unwrap();
    let after = read(&mut gateway).await;
    assert_eq!(after, [before[0], before[1], before[2], before[3] + 1, before[4], before[5]], "{stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_made_while_the_control_plane_is_away_arrives_when_it_is_back() {
    let upstream = Upstream::start_new("u").unwrap();
    let (mut gateway, _) = gateway_and_requests(&upstream).await;
    gateway.control_plane.service().kill().unwrap();
    gateway.sql(&rows::route("new", "u")).await.unwrap();
    assert_eq!(gateway.get("/new").await.unwrap().status(), 404);
    gateway.control_plane.start().await.unwrap();
    gateway.until("/new", 200).await.unwrap();
}
