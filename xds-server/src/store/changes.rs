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
    /// `None` when its connection was lost, until there is another.
    listener: Option<PgListener>,
}

/// What made [`Changes::changed`] return. Of two, the greater tells more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heard {
    /// Rows changed.
    Change,
    /// The connection was lost and made anew. Changes may have been missed, and the server may be another one, or a
    /// restored one, that lacks some which were read before: all is to be read anew.
    Reconnected,
}

impl Changes {
    pub(super) async fn listen(pool: PgPool) -> Result<Self, StoreError> {
        let listener = listen(&pool).await?;
        Ok(Self { pool, listener: Some(listener) })
    }

    /// Waits until rows may have changed. Many changes may be told as one. Can be cancelled without losing any.
    ///
    /// # Errors
    /// When the connection was lost and cannot be made anew. It may be called again.
    pub async fn changed(&mut self) -> Result<Heard, StoreError> {
        if let Some(listener) = &mut self.listener {
            if notified(listener).await {
                // What has come already is covered by the one read that follows.
                while listener.next_buffered().is_some() {}
                return Ok(Heard::Change);
            }
            tracing::warn!("the connection that hears of changes was lost");
            self.listener = None;
        }
        self.listener = Some(listen(&self.pool).await?);
        Ok(Heard::Reconnected)
    }
}

/// Waits for a notification (`true`) or the loss of the connection (`false`).
async fn notified(listener: &mut PgListener) -> bool {
    loop {
        match timeout(PROBE_AFTER, listener.try_recv()).await {
            Ok(received) => return matches!(received, Ok(Some(_))),
            Err(_) if answers(listener).await => {}
            Err(_) => return false,
        }
    }
}

async fn answers(listener: &mut PgListener) -> bool {
    let answer = timeout(PROBE_WITHIN, listener.execute("select 1")).await;
    matches!(answer, Ok(Ok(_)))
}

async fn listen(pool: &PgPool) -> Result<PgListener, StoreError> {
    let failure = StoreError::while_doing("listen for changes");
    let mut listener = PgListener::connect_with(pool).await.map_err(&failure)?;
    // It is made anew here, where the loss is noticed.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await.map_err(failure)?;
    Ok(listener)
}
