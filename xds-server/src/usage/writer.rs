//! Writing what was reported.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::Ledger;
use crate::{metrics::Metrics, store::Store};

/// Most keys in one statement, so that none takes long.
const AT_ONCE: usize = 10_000;

/// Writes a ledger to the database, again and again.
pub struct Writer {
    ledger: Arc<Ledger>,
    store: Store,
    metrics: Arc<Metrics>,
    interval: Duration,
    failing: bool,
}

impl Writer {
    /// A writer that writes at this interval.
    #[must_use]
    pub fn new(ledger: Arc<Ledger>, store: Store, metrics: Arc<Metrics>, interval: Duration) -> Self {
        Self { ledger, store, metrics, interval, failing: false }
    }

    /// Writes until `stopped` is done, and then once more.
    pub async fn run(mut self, stopped: impl Future<Output = ()>) {
        tokio::pin!(stopped);
        loop {
            let stopping = tokio::select! {
                () = sleep(self.interval) => false,
                () = &mut stopped => true,
            };
            self.write().await;
            if stopping {
                return;
            }
        }
    }

    /// What cannot be written waits for the next time.
    async fn write(&mut self) {
        let used = self.ledger.take();
        let mut rest = used.as_slice();
        while let Some(some) = rest.get(..rest.len().min(AT_ONCE)).filter(|some| !some.is_empty()) {
            match self.store.add_key_usage(some).await {
                Ok(written) => {
                    self.metrics.key_usage_rows_written.inc_by(written);
                    self.failing = false;
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.failing, true) {
                        tracing::warn!(%error, "the use of API keys is not written; it is kept");
                    }
                    return self.ledger.put_back(rest);
                }
            }
            rest = rest.get(some.len()..).unwrap_or_default();
        }
    }
}
