//! Hearing of changes.

use std::time::Duration;

use sqlx::{Executor, PgPool, postgres::PgListener};
use tokio::time::timeout;

use super::StoreError;

/// The channel on which the triggers notify.
const CHANNEL: &str = "ferrox_changes";

/// After so much silence the connection is probed: one that died without a word would be silent for ever.
const PROBE_AFTER: Duration = Duration::from_secs(30);

/// How long a probe may take.
const PROBE_WITHIN: Duration = Duration::from_secs(5);

/// Hears of every change that is committed after it was made.
pub struct Changes {
    pool: PgPool,
    listener: PgListener,
}

impl Changes {
    pub(super) async fn listen(pool: PgPool) -> Result<Self, StoreError> {
        let listener = listen(&pool).await?;
        Ok(Self { pool, listener })
    }

    /// Waits until rows may have changed: a notification came, or the connection was lost and made anew, during which
    /// one may have been missed. Many changes may be told as one. Can be cancelled without losing any.
    ///
    /// # Errors
    /// When the connection was lost and cannot be made anew. It may be called again.
    pub async fn changed(&mut self) -> Result<(), StoreError> {
        if self.connection_lives().await {
            // What has come already is covered by the one read that follows.
            while self.listener.next_buffered().is_some() {}
            return Ok(());
        }
        tracing::warn!("the connection that hears of changes was lost");
        self.listener = listen(&self.pool).await?;
        Ok(())
    }

    /// Waits for a notification (`true`) or the loss of the connection (`false`).
    async fn connection_lives(&mut self) -> bool {
        loop {
            match timeout(PROBE_AFTER, self.listener.try_recv()).await {
                Ok(received) => return matches!(received, Ok(Some(_))),
                Err(_) if self.answers().await => {}
                Err(_) => return false,
            }
        }
    }

    async fn answers(&mut self) -> bool {
        let answer = timeout(PROBE_WITHIN, self.listener.execute("select 1")).await;
        matches!(answer, Ok(Ok(_)))
    }
}

async fn listen(pool: &PgPool) -> Result<PgListener, StoreError> {
    let failure = StoreError::while_doing("listen for changes");
    let mut listener = PgListener::connect_with(pool).await.map_err(&failure)?;
    // It is made anew here, where the loss is noticed.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await.map_err(failure)?;
    Ok(listener)
}
