//! From rows to what is served: reads, checks, translates and publishes, each time only what has changed, and has what
//! is served recorded.
//!
//! Rows that fail their check change nothing: the last good release stays, also across a restart, and the reason is
//! shown. Only what is live goes on as the rows say ([`LiveRows`]): who is shut out stays out, and a
//! change of that alone makes no release. While PostgreSQL cannot be reached, what is served stays.

mod expiry;
mod left_out;
mod record;
mod status;

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

pub use status::{Publication, ServedRelease, Status};

use self::{expiry::ExpiryWatch, left_out::LeftOut, record::Recorder};
use crate::{
    model::Model,
    secrets::Keyring,
    snapshot::Gateways,
    store::{Changed, Changes, Heard, LiveRows, NewRelease, Pruner, Rows, Store, StoreError},
    translate::{Settings, Translator},
};

/// Pause before PostgreSQL is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How long it stays on record which rows changed.
const KEEP_CHANGES: Duration = Duration::from_secs(3600);

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
    recorder: Recorder,
    expiry: ExpiryWatch,
    keyring: Keyring,
    translator: Translator,
    merge: Merge,
    releases: watch::Sender<Option<Arc<Gateways>>>,
    publication: Publication,
    /// What is served.
    model: Option<Arc<Model>>,
    /// In what the rows differ from it.
    changed: Changed,
    left_out: LeftOut,
}

impl Publisher {
    /// A publisher that sends to `releases`. Must be called inside a Tokio runtime.
    #[must_use]
    pub fn new(
        store: Store,
        keyring: Keyring,
        settings: Settings,
        merge: Merge,
        releases: watch::Sender<Option<Arc<Gateways>>>,
        publication: Publication,
    ) -> Self {
        Self {
            pruner: store.pruner(KEEP_CHANGES),
            recorder: Recorder::start(store.clone(), publication.clone()),
            expiry: ExpiryWatch::start(publication.metrics()),
            keyring,
            store,
            translator: Translator::new(settings),
            merge,
            releases,
            publication,
            model: None,
            changed: Changed::Everything,
            left_out: LeftOut::default(),
        }
    }

    /// Runs for ever.
    pub async fn run(mut self) {
        loop {
            let Err(error) = self.follow().await;
            self.publication.unreadable(&error.to_string());
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Publishes until PostgreSQL fails.
    async fn follow(&mut self) -> Result<Infallible, StoreError> {
        self.store.migrate().await?;
        // Listening begins before the first read, so no change is missed between the two.
        let mut changes = self.store.changes().await?;
        let mut reading = self.store.read().await?;
        let mut changed = Changed::Everything;
        loop {
            self.publication.readable();
            self.take(reading.rows(), changed).await?;
            if let Err(error) = self.pruner.prune().await {
                tracing::warn!(%error, "old changes stay on record");
            }
            let heard = changes.changed().await?;
            changed = match self.wait_for_quiet(&mut changes, heard).await? {
                Heard::Change => reading.refresh(&self.store).await?,
                Heard::Reconnected => {
                    reading = self.store.read().await?;
                    Changed::Everything
                }
            };
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

    async fn take(&mut self, rows: &Rows, changed: Changed) -> Result<(), StoreError> {
        let changed = std::mem::take(&mut self.changed).and(changed);
        if changed.is_empty() {
            return Ok(());
        }
        let checked = match &self.model {
            Some(model) => model.updated(rows, &changed, &self.keyring),
            None => Model::parse(rows, &self.keyring),
        };
        match checked {
            Ok(model) => {
                self.publication.accepted();
                self.left_out = LeftOut::default();
                let gateways = self.serve(model);
                if !changed.is_live_alone() {
                    let release = NewRelease::of(rows);
                    self.publication.served(&release.digest, None, gateways);
                    self.recorder.record(release);
                }
                Ok(())
            }
            Err(problems) => {
                self.changed = changed;
                self.publication.refused(&problems);
                self.serve_without(rows).await
            }
        }
    }

    /// Serves a model, if it is not served already; returns the names of its gateways.
    fn serve(&mut self, model: Model) -> Vec<String> {
        let gateways = model.gateways().map(|gateway| gateway.name.to_string()).collect();
        if self.model.as_deref() != Some(&model) {
            self.expiry.serve(&model);
            let resources = self.translator.translate(&model);
            let before = self.releases.borrow().clone().unwrap_or_default();
            self.releases.send_replace(Some(Arc::new(before.succeeded_by(resources))));
            let model = Arc::new(model);
            self.publication.serves(Arc::clone(&model));
            self.model = Some(model);
        }
        gateways
    }

    /// Of rows that make no sense, what is live is served all the same.
    async fn serve_without(&mut self, rows: &Rows) -> Result<(), StoreError> {
        match self.model.clone() {
            Some(model) => {
                self.serve_live(&model, &rows.live);
                Ok(())
            }
            None => self.serve_last_release(&rows.live).await,
        }
    }

    /// After a restart with rows that make no sense: what was served before is served again.
    async fn serve_last_release(&mut self, live: &LiveRows) -> Result<(), StoreError> {
        let Some((release, rows)) = self.store.last_release().await? else {
            tracing::error!("there is no earlier release, so nothing is served");
            return Ok(());
        };
        match Model::parse(&rows, &self.keyring) {
            Ok(model) => {
                let gateways = self.serve_live(&model, live);
                self.changed = Changed::Everything;
                self.publication.served(&release.digest, Some(release.id), gateways);
            }
            Err(problems) => {
                for problem in &problems {
                    tracing::error!(release = release.id, %problem, "the last release cannot be served");
                }
            }
        }
        Ok(())
    }

    /// Serves a model with what is live now.
    fn serve_live(&mut self, model: &Model, live: &LiveRows) -> Vec<String> {
        let (model, left_out) = model.with_live(live);
        self.left_out.tell(left_out);
        self.serve(model)
    }
}
