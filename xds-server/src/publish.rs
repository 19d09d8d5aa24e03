//! From rows to what is served: reads, checks, translates, records and publishes.
//!
//! Rows that fail their check change nothing: the last good release stays, also across a restart, and the reason is
//! shown. While PostgreSQL cannot be reached, what is served stays.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use serde::Serialize;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use crate::{
    metrics::Metrics,
    model::{Model, Problem},
    snapshot::Gateways,
    store::{Changes, Heard, Pruner, Release, Rows, Store, StoreError},
    translate::{Settings, Translator},
};

/// Pause before PostgreSQL is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How long it stays on record which rows changed.
const KEEP_CHANGES: Duration = Duration::from_secs(3600);

/// What is served, and what is not and why.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Status {
    /// The release that is served.
    pub release: Option<ServedRelease>,
    /// Why the rows as they are now are not served; empty if they are.
    pub problems: Vec<String>,
    /// Why PostgreSQL cannot be read; `None` if it can.
    pub database_error: Option<String>,
}

/// A release that is served.
#[derive(Debug, Clone, Serialize)]
pub struct ServedRelease {
    /// Its number.
    pub id: i64,
    /// Digest of its rows.
    pub digest: String,
    /// Since when this server serves it, in seconds since 1970.
    pub served_since: u64,
    /// The gateways that it configures.
    pub gateways: Vec<String>,
}

/// The status of publishing, shared with whoever shows it.
#[derive(Debug, Clone)]
pub struct Publication {
    status: Arc<Mutex<Status>>,
    metrics: Arc<Metrics>,
}

impl Publication {
    /// Nothing is served yet.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { status: Arc::default(), metrics }
    }

    /// The status now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn update(&self, change: impl FnOnce(&mut Status)) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut status);
        self.metrics.release.set(status.release.as_ref().map_or(0, |release| release.id));
        self.metrics.problems.set(i64::try_from(status.problems.len()).unwrap_or(i64::MAX));
        self.metrics.database_up.set(i64::from(status.database_error.is_none()));
    }
}

/// How changes that come one after the other are merged.
#[derive(Debug, Clone, Copy)]
pub struct Merge {
    /// A change is served when no other has come for so long.
    pub quiet: Duration,
    /// But no later than this.
    pub longest: Duration,
}

/// Publishes what the rows say, and every change of them.
pub struct Publisher {
    store: Store,
    pruner: Pruner,
    translator: Translator,
    merge: Merge,
    releases: watch::Sender<Option<Arc<Gateways>>>,
    publication: Publication,
}

impl Publisher {
    /// A publisher that sends to `releases`.
    #[must_use]
    pub fn new(
        store: Store,
        settings: Settings,
        merge: Merge,
        releases: watch::Sender<Option<Arc<Gateways>>>,
        publication: Publication,
    ) -> Self {
        let pruner = store.pruner(KEEP_CHANGES);
        Self { store, pruner, translator: Translator::new(settings), merge, releases, publication }
    }

    /// Runs for ever.
    pub async fn run(mut self) {
        loop {
            let Err(error) = self.follow().await;
            let shown = error.to_string();
            if self.publication.status().database_error.as_ref() != Some(&shown) {
                tracing::error!(error = shown, "PostgreSQL cannot be read; what is served stays");
            }
            self.publication.update(|status| status.database_error = Some(shown));
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Publishes until PostgreSQL fails.
    async fn follow(&mut self) -> Result<std::convert::Infallible, StoreError> {
        self.store.migrate().await?;
        // Listening begins before the first read, so no change is missed between the two.
        let mut changes = self.store.changes().await?;
        let mut reading = self.store.read().await?;
        loop {
            if self.publication.status().database_error.is_some() {
                tracing::info!("PostgreSQL can be read");
            }
            self.publication.update(|status| status.database_error = None);
            self.take(reading.rows()).await?;
            if let Err(error) = self.pruner.prune().await {
                tracing::warn!(%error, "old changes stay on record");
            }
            let heard = changes.changed().await?;
            match self.wait_for_quiet(&mut changes, heard).await? {
                Heard::Change => drop(reading.refresh(&self.store).await?),
                Heard::Reconnected => reading = self.store.read().await?,
            }
        }
    }

    /// Waits until no change has come for a while, so that a burst of them becomes one release, but not for ever.
    async fn wait_for_quiet(&self, changes: &mut Changes, mut heard: Heard) -> Result<Heard, StoreError> {
        let deadline = Instant::now() + self.merge.longest;
        loop {
            let quiet = deadline.min(Instant::now() + self.merge.quiet);
            match timeout_at(quiet, changes.changed()).await {
                Ok(changed) => heard = heard.max(changed?),
                Err(_) => return Ok(heard),
            }
            if Instant::now() >= deadline {
                return Ok(heard);
            }
        }
    }

    async fn take(&mut self, rows: &Rows) -> Result<(), StoreError> {
        match Model::parse(rows) {
            Ok(model) => {
                let release = self.store.record_release(rows).await?;
                self.publication.update(|status| status.problems.clear());
                self.serve(&model, &release);
                Ok(())
            }
            Err(problems) => self.refuse(&problems).await,
        }
    }

    fn serve(&mut self, model: &Model, release: &Release) {
        let served = self.publication.status().release;
        if served.is_some_and(|served| served.id == release.id) {
            return;
        }
        let resources = self.translator.translate(model);
        let gateways: Vec<_> = resources.keys().cloned().collect();
        let before = self.releases.borrow().clone().unwrap_or_default();
        self.releases.send_replace(Some(Arc::new(before.succeeded_by(resources))));
        tracing::info!(release = release.id, digest = release.digest, "release served");
        let served_since =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let release =
            ServedRelease { id: release.id, digest: release.digest.clone(), served_since, gateways };
        self.publication.update(|status| status.release = Some(release));
    }

    async fn refuse(&mut self, problems: &[Problem]) -> Result<(), StoreError> {
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        if self.publication.status().problems != shown {
            for problem in &shown {
                tracing::error!(problem, "rows refused; the last good release stays");
            }
        }
        self.publication.update(|status| status.problems = shown);
        if self.publication.status().release.is_none() {
            self.serve_last_release().await?;
        }
        Ok(())
    }

    /// After a restart with rows that make no sense: what was served before is served again.
    async fn serve_last_release(&mut self) -> Result<(), StoreError> {
        let Some((release, rows)) = self.store.last_release().await? else {
            tracing::error!("there is no earlier release, so nothing is served");
            return Ok(());
        };
        match Model::parse(&rows) {
            Ok(model) => self.serve(&model, &release),
            Err(problems) => {
                for problem in &problems {
                    tracing::error!(release = release.id, %problem, "the last release cannot be served");
                }
            }
        }
        Ok(())
    }
}
