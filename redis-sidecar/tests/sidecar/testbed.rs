//! A sidecar in the test's own process, and its client.

use std::time::Duration;

use clap::Parser;
use ferrox_policy::sidecar::{
    CACHE_PATH, LIMITS_PATH, LimitCheck, LimitsRequest, LimitsResponse, RETURN_PATH, Return, ReturnRequest,
    TTL_HEADER,
};
use ferrox_redis_sidecar::{Settings, Sidecar};
use reqwest::{Client, Response, StatusCode};
use tokio::{sync::oneshot, task::JoinHandle};

/// Far above what a busy machine makes of a round trip, so that only tests of the time limit meet it.
const GENEROUS: &str = "10000";

/// A sidecar that serves, ended with the test's runtime.
pub(crate) struct Testbed {
    pub(crate) base: String,
    pub(crate) client: Client,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) serving: JoinHandle<()>,
}

/// An answer, read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Testbed {
    /// A sidecar for a Redis that need not be there, with a time limit that is not met.
    pub(crate) async fn start(redis_url: &str) -> Self {
        Self::start_with(redis_url, &[]).await
    }

    /// The same with further arguments, which win.
    pub(crate) async fn start_with(redis_url: &str, arguments: &[&str]) -> Self {
        let patient = ["--timeout-ms", GENEROUS, "--cache-timeout-ms", GENEROUS];
        let patient = patient.chunks(2).filter(|setting| !arguments.contains(&setting[0])).flatten();
        let fixed = ["sidecar", "--listen", "127.0.0.1:0", "--redis-url", redis_url];
        let settings = Settings::try_parse_from(fixed.iter().chain(patient).chain(arguments)).unwrap();
        let sidecar = Sidecar::bind(&settings).await.unwrap();
        let base = format!("http://{}", sidecar.address());
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(sidecar.serve(async {
            // A testbed that is dropped stops as well.
            let _ = stopped.await;
        }));
        Self { base, client: Client::new(), stop: Some(stop), serving }
    }

    /// The same, once Redis takes commands.
    pub(crate) async fn ready(redis_url: &str) -> Self {
        let testbed = Self::start(redis_url).await;
        testbed.until_ready().await;
        testbed
    }

    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.client.get(format!("{}{path}", self.base)).send().await.unwrap()).await
    }

    pub(crate) async fn limits(&self, limits: &[LimitCheck]) -> Answer {
        let body = serde_json::to_vec(&LimitsRequest { limits: limits.to_vec(), charge: false }).unwrap();
        self.post_limits(body).await
    }

    pub(crate) async fn post_limits(&self, body: impl Into<Vec<u8>>) -> Answer {
        let request = self.client.post(format!("{}{LIMITS_PATH}", self.base)).body(body.into());
        answer(request.send().await.unwrap()).await
    }

    /// A decision, which must be had.
    pub(crate) async fn decide(&self, limits: &[LimitCheck]) -> LimitsResponse {
        let answer = self.limits(limits).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Counts what has happened already.
    pub(crate) async fn charge(&self, limit: LimitCheck) -> LimitsResponse {
        let body = serde_json::to_vec(&LimitsRequest { limits: vec![limit], charge: true }).unwrap();
        serde_json::from_str(&self.post_limits(body).await.body).unwrap()
    }

    pub(crate) async fn give_back(&self, limits: &[Return]) -> Answer {
        let body = serde_json::to_vec(&ReturnRequest { limits: limits.to_vec() }).unwrap();
        let request = self.client.post(format!("{}{RETURN_PATH}", self.base)).body(body);
        answer(request.send().await.unwrap()).await
    }

    pub(crate) async fn put(&self, name: &str, ttl: &str, entry: &[u8]) -> Answer {
        let request = self.client.put(self.entry(name)).header(TTL_HEADER, ttl).body(entry.to_vec());
        answer(request.send().await.unwrap()).await
    }

    /// A cache entry, which must be there.
    pub(crate) async fn entry_bytes(&self, name: &str) -> Vec<u8> {
        let response = self.client.get(self.entry(name)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.bytes().await.unwrap().to_vec()
    }

    pub(crate) fn entry(&self, name: &str) -> String {
        format!("{}{CACHE_PATH}/{name}", self.base)
    }

    pub(crate) async fn until_ready(&self) {
        until("the sidecar is ready", async || self.get("/readyz").await.status == 200).await;
    }

    /// Whether the metrics hold this line.
    pub(crate) async fn metric(&self, line: &str) -> bool {
        self.get("/metrics").await.body.lines().any(|other| other == line)
    }
}

impl Testbed {
    /// How many failures of this reason the metrics count.
    pub(crate) async fn failures(&self, reason: &str) -> u64 {
        let line = format!("ferrox_sidecar_redis_failures_total{{reason=\"{reason}\"}} ");
        let page = self.get("/metrics").await.body;
        page.lines().find_map(|other| other.strip_prefix(&line)).unwrap().parse().unwrap()
    }

    /// Asks until a request is counted.
    pub(crate) async fn until_counted(&self, limit: &LimitCheck) {
        until("a request is counted", async || self.limits(std::slice::from_ref(limit)).await.status == 200)
            .await;
    }

    /// Asks until the answer is this failure, which then is in the metrics.
    pub(crate) async fn until_failing(&self, limit: &LimitCheck, reason: &str, body: &str) {
        until(body, async || {
            let answer = self.limits(std::slice::from_ref(limit)).await;
            answer.status == 503 && answer.body == body
        })
        .await;
        assert!(self.failures(reason).await > 0, "{reason}");
    }
}

pub(crate) fn limit(key: &str, limit: u64, window_ms: u64) -> LimitCheck {
    LimitCheck::fixed_window(format!("ferrox:1:limit|{key}"), limit, window_ms)
}

async fn answer(response: Response) -> Answer {
    Answer { status: response.status().as_u16(), body: response.text().await.unwrap() }
}

/// Asks until it is so; panics when it never is.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.unwrap_or_else(|_| panic!("never: {what}"));
}
