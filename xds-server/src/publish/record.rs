//! Recording what is served.
//!
//! Writing all rows takes longer than serving what has changed of them, so it is done beside it: of releases that follow
//! each other faster, the last is recorded. What was served and not yet recorded when the server stops is read from the
//! tables again.

use std::sync::Arc;

use tokio::{sync::watch, time::sleep};

use super::{RETRY, status::Publication};
use crate::store::{NewRelease, Store};

/// Hands what is to be recorded to whoever records it. Who is still busy with another takes the newest then.
pub(super) struct Recorder {
    newest: watch::Sender<Option<Arc<NewRelease>>>,
}

impl Recorder {
    /// Starts to record. It ends when this value is dropped.
    pub(super) fn start(store: Store, publication: Publication) -> Self {
        let (newest, releases) = watch::channel(None);
        tokio::spawn(run(store, publication, releases));
        Self { newest }
    }

    pub(super) fn record(&self, release: NewRelease) {
        self.newest.send_replace(Some(Arc::new(release)));
    }
}

async fn run(store: Store, publication: Publication, mut releases: watch::Receiver<Option<Arc<NewRelease>>>) {
    while releases.changed().await.is_ok() {
        let release = releases.borrow_and_update().clone();
        let Some(release) = release else { continue };
        match store.record_release(&release).await {
            Ok(recorded) => publication.recorded(&recorded),
            Err(error) => {
                publication.unrecorded(&error.to_string());
                sleep(RETRY).await;
                releases.mark_changed();
            }
        }
    }
}
