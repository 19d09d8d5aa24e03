//! Reading rows as they are at one moment, and later what has changed since.

use sqlx::{PgConnection, PgTransaction};

use super::{Changed, Rows, Store, StoreError, tables};

/// So many things that changed are read by name; of more, everything is.
const MOST_THINGS: u16 = 1_000;

/// Every row as of one moment, each table in the order of its key.
#[derive(Debug)]
pub struct Reading {
    rows: Rows,
    moment: Moment,
}

/// What a transaction of PostgreSQL sees.
#[derive(Debug, sqlx::FromRow)]
struct Moment {
    /// Which transactions had been committed: a `pg_snapshot` as text.
    snapshot: String,
    /// Which run of which server that was: its start. Another may count transactions anew, or have lost some.
    server: String,
}

impl Store {
    /// Reads every row.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn read(&self) -> Result<Reading, StoreError> {
        self.read_all().await.map_err(StoreError::while_doing("read the rows"))
    }

    async fn read_all(&self) -> Result<Reading, sqlx::Error> {
        let mut transaction = self.begin_reading().await?;
        let moment = Moment::of(&mut transaction).await?;
        let rows = tables::read(&mut transaction, &Changed::Everything).await?;
        transaction.commit().await?;
        Ok(Reading { rows, moment })
    }

    /// All that a transaction reads is as of its first query.
    async fn begin_reading(&self) -> Result<PgTransaction<'static>, sqlx::Error> {
        let mut transaction =
            self.pool.begin_with("begin isolation level repeatable read, read only").await?;
        tables::lock(&mut transaction).await?;
        Ok(transaction)
    }
}

impl Reading {
    /// The rows.
    #[must_use]
    pub const fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Reads what has changed since. When that fails or is cancelled, the reading stays as it was.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn refresh(&mut self, store: &Store) -> Result<Changed, StoreError> {
        self.read_changed(store).await.map_err(StoreError::while_doing("read what has changed"))
    }

    async fn read_changed(&mut self, store: &Store) -> Result<Changed, sqlx::Error> {
        let mut transaction = store.begin_reading().await?;
        let moment = Moment::of(&mut transaction).await?;
        let changed = self.moment.changed_until(&moment, &mut transaction).await?;
        let fresh = tables::read(&mut transaction, &changed).await?;
        transaction.commit().await?;
        match &changed {
            Changed::Everything => self.rows = fresh,
            Changed::Things(things) => self.rows.patch(things, fresh),
        }
        self.moment = moment;
        Ok(changed)
    }
}

impl Moment {
    async fn of(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        sqlx::query_as(
            "select pg_current_snapshot()::text as snapshot, pg_postmaster_start_time()::text as server",
        )
        .fetch_one(connection)
        .await
    }

    /// What changed between this moment and that of `connection`, which is `now`.
    async fn changed_until(&self, now: &Self, connection: &mut PgConnection) -> Result<Changed, sqlx::Error> {
        if self.server != now.server {
            return Ok(Changed::Everything);
        }
        // What was pruned is known by its last transaction only, and one before that may not have been seen yet.
        let recorded: Vec<_> = sqlx::query_as(
            "select distinct kind, name from changes
             where xid >= pg_snapshot_xmin($1::pg_snapshot)
               and (kind = 'pruned' or not pg_visible_in_snapshot(xid, $1::pg_snapshot))
             limit $2",
        )
        .bind(&self.snapshot)
        .bind(i64::from(MOST_THINGS) + 1)
        .fetch_all(connection)
        .await?;
        if recorded.len() > usize::from(MOST_THINGS) {
            return Ok(Changed::Everything);
        }
        Ok(Changed::from_recorded(recorded))
    }
}
