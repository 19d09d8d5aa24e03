//! What is served, for whoever shows it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use serde::Serialize;

use crate::{
    metrics::Metrics,
    model::{Model, Problem},
    store::Release,
};

/// What is served, and what is not and why.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Status {
    /// The release that is served.
    pub release: Option<ServedRelease>,
    /// Why the rows as they are now are not served; empty if they are.
    pub problems: Vec<String>,
    /// Why PostgreSQL cannot be read; `None` if it can.
    pub database_error: Option<String>,
    /// Why the release that is served is not recorded; `None` if it is, or is about to be.
    pub record_error: Option<String>,
}

/// A release that is served.
#[derive(Debug, Clone, Serialize)]
pub struct ServedRelease {
    /// Its number; `None` until it is recorded.
    pub id: Option<i64>,
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
    model: Arc<Mutex<Option<Arc<Model>>>>,
    metrics: Arc<Metrics>,
}

impl Publication {
    /// Nothing is served yet.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { status: Arc::default(), model: Arc::default(), metrics }
    }

    /// The status now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The metrics that show it.
    pub(super) fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// The model that is served; `None` before there is one.
    #[must_use]
    pub fn model(&self) -> Option<Arc<Model>> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A model is served.
    pub(crate) fn serves(&self, model: Arc<Model>) {
        *self.model.lock().unwrap_or_else(PoisonError::into_inner) = Some(model);
    }

    /// PostgreSQL cannot be read.
    pub(super) fn unreadable(&self, reason: &str) {
        if self.status().database_error.as_deref() != Some(reason) {
            tracing::error!(error = reason, "PostgreSQL cannot be read; what is served stays");
        }
        self.update(|status| status.database_error = Some(reason.to_owned()));
    }

    /// PostgreSQL was read.
    pub(super) fn readable(&self) {
        if self.status().database_error.is_some() {
            tracing::info!("PostgreSQL can be read");
        }
        self.update(|status| status.database_error = None);
    }

    /// The rows are not served.
    pub(super) fn refused(&self, problems: &[Problem]) {
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        if self.status().problems != shown {
            for problem in &shown {
                tracing::error!(problem, "rows refused; the last good release stays");
            }
        }
        self.update(|status| status.problems = shown);
    }

    /// The rows make sense.
    pub(super) fn accepted(&self) {
        self.update(|status| status.problems.clear());
    }

    /// The rows of this digest are served, as the release of this number if it is recorded already.
    pub(super) fn served(&self, digest: &str, id: Option<i64>, gateways: Vec<String>) {
        if self.status().release.is_some_and(|release| release.digest == digest) {
            return;
        }
        tracing::info!(digest, "release served");
        let served_since =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let release = ServedRelease { id, digest: digest.to_owned(), served_since, gateways };
        self.update(|status| status.release = Some(release));
    }

    /// What is served cannot be recorded.
    pub(super) fn unrecorded(&self, reason: &str) {
        if self.status().record_error.as_deref() != Some(reason) {
            tracing::error!(error = reason, "a release is served but not recorded");
        }
        self.update(|status| status.record_error = Some(reason.to_owned()));
    }

    /// A release was recorded, which may be served no longer.
    pub(super) fn recorded(&self, recorded: &Release) {
        tracing::info!(release = recorded.id, digest = recorded.digest, "release recorded");
        self.update(|status| {
            status.record_error = None;
            if let Some(release) = status.release.as_mut().filter(|r| r.digest == recorded.digest) {
                release.id = Some(recorded.id);
            }
        });
    }

    fn update(&self, change: impl FnOnce(&mut Status)) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut status);
        if let Some(id) = status.release.as_ref().and_then(|release| release.id) {
            self.metrics.release.set(id);
        }
        self.metrics.problems.set(i64::try_from(status.problems.len()).unwrap_or(i64::MAX));
        self.metrics.database_up.set(i64::from(status.database_error.is_none()));
    }
}
