//! Recording what was released: the configuration, without what is live.

use std::fmt;

use sqlx::types::Json;

use super::{Rows, Store, StoreError, rows};

/// A configuration that passed every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its number; later releases have higher ones.
    pub id: i64,
    /// What identifies its rows ([`Rows::digest`]).
    pub digest: String,
}

/// A configuration that passed every check and is to be recorded.
pub struct NewRelease {
    /// What identifies its rows ([`Rows::digest`]).
    pub digest: String,
    /// The rows as JSON.
    rows: String,
}

impl NewRelease {
    /// The release of these rows.
    #[must_use]
    pub fn of(rows: &Rows) -> Self {
        let rows = rows.to_json();
        Self { digest: rows::digest(&rows), rows }
    }
}

impl fmt::Debug for NewRelease {
    /// Without the rows, which hold secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NewRelease").field("digest", &self.digest).finish_non_exhaustive()
    }
}

/// How many releases are kept.
const KEPT: i64 = 100;

/// Key of the advisory lock under which releases are recorded: "ferrox" and a version.
const LOCK: i64 = 0x66_6572_726f_7801;

impl Store {
    /// Records rows as a release, unless the newest one has the same content, which is then returned: replicas that
    /// release the same rows share one. A return to earlier rows is a new release. The newest 100 are kept.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn record_release(&self, release: &NewRelease) -> Result<Release, StoreError> {
        self.record(release).await.map_err(StoreError::while_doing("record a release"))
    }

    async fn record(&self, release: &NewRelease) -> Result<Release, sqlx::Error> {
        let digest = release.digest.clone();
        let mut transaction = self.pool.begin().await?;
        sqlx::query("select pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await?;
        let newest: Option<i64> = sqlx::query_scalar(
            "select id from (select id, digest from releases order by id desc limit 1) newest where digest = $1",
        )
        .bind(&digest)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(id) = newest {
            transaction.commit().await?;
            return Ok(Release { id, digest });
        }
        let id: i64 =
            sqlx::query_scalar("insert into releases (digest, rows) values ($1, $2::jsonb) returning id")
                .bind(&digest)
                .bind(&release.rows)
                .fetch_one(&mut *transaction)
                .await?;
        sqlx::query(
            "delete from releases where id not in (select id from releases order by id desc limit $1)",
        )
        .bind(KEPT)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Release { id, digest })
    }

    /// The newest release with its rows, of the live tables none; `None` when there never was one.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn last_release(&self) -> Result<Option<(Release, Rows)>, StoreError> {
        // Releases of before API keys were live hold some, which may have been revoked since.
        let newest: Option<(i64, String, Json<Rows>)> =
            sqlx::query_as("select id, digest, rows - 'api_keys' from releases order by id desc limit 1")
                .fetch_optional(&self.pool)
                .await
                .map_err(StoreError::while_doing("read the last release"))?;
        Ok(newest.map(|(id, digest, Json(rows))| (Release { id, digest }, rows)))
    }
}
