//! Forgetting what changed long ago, and revocations of tokens that have expired since.

use std::time::Duration;

use tokio::time::Instant;

use super::{Store, StoreError};

/// Deletes from table `changes` what every reader has long seen. Who has not, reads everything. With it go the revocations
/// that have no meaning any more.
#[derive(Debug)]
pub struct Pruner {
    store: Store,
    keep: Duration,
    mark: Option<Mark>,
}

/// Every transaction before `xid` had ended at the time `taken`.
#[derive(Debug)]
struct Mark {
    taken: Instant,
    /// An `xid8` as text.
    xid: String,
}

impl Store {
    /// A pruner of changes that were committed `keep` ago. A reader that refreshes more often misses none of them.
    #[must_use]
    pub fn pruner(&self, keep: Duration) -> Pruner {
        Pruner { store: self.clone(), keep, mark: None }
    }
}

impl Pruner {
    /// Prunes if it is time to. May be called as often as one likes: mostly it does nothing.
    ///
    /// # Errors
    /// When the database cannot be used. Nothing was pruned then, and the next call tries again.
    pub async fn prune(&mut self) -> Result<(), StoreError> {
        if self.mark.as_ref().is_some_and(|mark| mark.taken.elapsed() < self.keep) {
            return Ok(());
        }
        self.prune_and_mark().await.map_err(StoreError::while_doing("prune the changes"))
    }

    async fn prune_and_mark(&mut self) -> Result<(), sqlx::Error> {
        let taken = Instant::now();
        sqlx::query(EXPIRED).execute(&self.store.pool).await?;
        if let Some(mark) = &self.mark {
            sqlx::query(PRUNE).bind(&mark.xid).execute(&self.store.pool).await?;
        }
        let xid = sqlx::query_scalar("select pg_snapshot_xmin(pg_current_snapshot())::text")
            .fetch_one(&self.store.pool)
            .await?;
        self.mark = Some(Mark { taken, xid });
        Ok(())
    }
}

/// No provider's leeway is longer.
const EXPIRED: &str = "delete from revocations where expires_at < now() - interval '300 seconds'";

/// What was deleted leaves one row, by which a reader that had not seen all of it knows. Transactions that have not been
/// yet came with a dump of another server.
const PRUNE: &str = "
    with gone as (
        delete from changes where xid < $1::xid8 or xid >= pg_snapshot_xmax(pg_current_snapshot()) returning xid
    )
    insert into changes (xid, kind) select xid, 'pruned' from gone where xid < $1::xid8 order by xid desc limit 1";
