//! Clients that send requests while something happens.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use ferrox_testbed::wait::eventually;
use tokio::task::JoinHandle;

/// How many requests must be answered after each event, so that it had its chance to hurt.
const ENOUGH: u64 = 100;

/// A client that sends one request after another until it is told to stop.
pub(crate) struct Client {
    answered: Arc<AtomicU64>,
    failures: Arc<Mutex<BTreeMap<String, u64>>>,
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Client {
    /// Sends to each URL in turn; everything but 200 is a failure.
    pub(crate) fn start(requests: Vec<reqwest::RequestBuilder>) -> Self {
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

    /// Waits until so many more requests are answered.
    pub(crate) async fn enough(&self) {
        let goal = self.answered.load(Ordering::Relaxed) + ENOUGH;
        eventually("requests are answered", async || self.answered.load(Ordering::Relaxed) >= goal)
            .await
            .unwrap();
    }

    /// Stops the client: what failed, and how often.
    pub(crate) async fn finish(self) -> BTreeMap<String, u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        self.failures.lock().unwrap().clone()
    }
}
