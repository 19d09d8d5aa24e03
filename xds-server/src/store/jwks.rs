//! Fetched keys, and the turns that replicas take in fetching them. Every time is PostgreSQL's, so that they agree.

use std::time::Duration;

use serde_json::Value;
use sqlx::FromRow;

use super::{Store, StoreError};

/// How fetching the keys of a provider goes.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct JwksFetch {
    /// Name of the provider.
    pub provider: String,
    /// The URL that is fetched first.
    pub source: String,
    /// When good keys came last, in seconds since 1970.
    pub fetched_at: Option<i64>,
    /// How old they are, in seconds.
    pub age: Option<i64>,
    /// Attempts in a row that failed.
    pub failures: i32,
    /// Why the last one did.
    pub error: Option<String>,
    /// Whether it is time for the next, and nobody is at it.
    pub is_due: bool,
}

/// The turn of one replica to fetch the keys of a provider.
#[derive(Debug, Clone)]
pub struct JwksTurn {
    provider: String,
    source: String,
    attempt: i64,
}

/// What came of keys that were to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// They differ from those before.
    Changed,
    /// They were there already.
    Same,
    /// The turn was over: another attempt has begun.
    Late,
}

impl Store {
    /// How all fetching goes.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn jwks_fetches(&self) -> Result<Vec<JwksFetch>, StoreError> {
        sqlx::query_as(
            "select provider, source, failures, error, due_at <= now() and leased_until <= now() as is_due,
                    extract(epoch from fetched_at)::bigint as fetched_at,
                    greatest(extract(epoch from now() - fetched_at), 0)::bigint as age
             from jwks_fetches",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::while_doing("read how keys are fetched"))
    }

    /// Takes the turn to fetch the keys of a provider from `source`, if it is due; nobody else gets it within `lease`. Another
    /// source than before is due at once.
    ///
    /// # Errors
    /// When the database cannot be used or written.
    pub async fn claim_jwks(
        &self,
        provider: &str,
        source: &str,
        lease: Duration,
    ) -> Result<Option<JwksTurn>, StoreError> {
        let attempt: Option<i64> = sqlx::query_scalar(CLAIM)
            .bind(provider)
            .bind(source)
            .bind(lease.as_secs_f64())
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::while_doing("begin to fetch keys"))?;
        Ok(attempt.map(|attempt| JwksTurn {
            provider: provider.to_owned(),
            source: source.to_owned(),
            attempt,
        }))
    }

    /// Ends a turn with good keys, and writes them if they differ; the next turn is `after` now.
    ///
    /// # Errors
    /// When the database cannot be written. The turn ends with its lease then.
    pub async fn keep_jwks(
        &self,
        turn: &JwksTurn,
        jwks: &Value,
        after: Duration,
    ) -> Result<Kept, StoreError> {
        self.keep(turn, jwks, after).await.map_err(StoreError::while_doing("write fetched keys"))
    }

    async fn keep(&self, turn: &JwksTurn, jwks: &Value, after: Duration) -> Result<Kept, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let ended = sqlx::query(GOOD)
            .bind(&turn.provider)
            .bind(turn.attempt)
            .bind(after.as_secs_f64())
            .execute(&mut *transaction)
            .await?;
        if ended.rows_affected() == 0 {
            return Ok(Kept::Late);
        }
        let written = sqlx::query(KEYS)
            .bind(&turn.provider)
            .bind(&turn.source)
            .bind(jwks)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(if written.rows_affected() == 0 { Kept::Same } else { Kept::Changed })
    }

    /// Ends a turn that failed; the next is `after` now. What was kept before stays.
    ///
    /// # Errors
    /// When the database cannot be written. The turn ends with its lease then.
    pub async fn fail_jwks(&self, turn: &JwksTurn, error: &str, after: Duration) -> Result<(), StoreError> {
        sqlx::query(BAD)
            .bind(&turn.provider)
            .bind(turn.attempt)
            .bind(after.as_secs_f64())
            .bind(error)
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(StoreError::while_doing("write that keys were not fetched"))
    }

    /// Brings every fetch forward, each at most once in `at_most_every`: to now, or to when that is over.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn hasten_jwks(&self, at_most_every: Duration) -> Result<(), StoreError> {
        sqlx::query(HASTEN)
            .bind(at_most_every.as_secs_f64())
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(StoreError::while_doing("bring fetching keys forward"))
    }
}

/// The row is locked while it is judged, so of replicas that come together one gets the turn. A provider that has gone gets
/// no row.
const CLAIM: &str = "
    insert into jwks_fetches as known (provider, source, leased_until)
    select name, $2, now() + make_interval(secs => $3) from jwt_providers where name = $1
    on conflict (provider) do update set
        source = excluded.source, attempt = known.attempt + 1, leased_until = excluded.leased_until,
        fetched_at = case when known.source = excluded.source then known.fetched_at end,
        error = case when known.source = excluded.source then known.error end,
        failures = case when known.source = excluded.source then known.failures else 0 end
    where known.source <> excluded.source or (known.due_at <= now() and known.leased_until <= now())
    returning attempt";

const GOOD: &str = "
    update jwks_fetches set
        due_at = now() + make_interval(secs => $3), leased_until = now(), fetched_at = now(), failures = 0, error = null
    where provider = $1 and attempt = $2";

const BAD: &str = "
    update jwks_fetches set
        due_at = now() + make_interval(secs => $3), leased_until = now(), failures = failures + 1, error = $4
    where provider = $1 and attempt = $2";

/// Only keys that differ are written: each write is a change for every replica.
const KEYS: &str = "
    insert into jwks_sets as kept (provider, source, jwks) values ($1, $2, $3)
    on conflict (provider) do update set source = excluded.source, jwks = excluded.jwks, changed_at = now()
    where kept.source <> excluded.source or kept.jwks <> excluded.jwks";

const HASTEN: &str = "
    update jwks_fetches set
        hastened_at = greatest(now(), hastened_at + make_interval(secs => $1)),
        due_at = least(due_at, greatest(now(), hastened_at + make_interval(secs => $1)))
    where (hastened_at is null or hastened_at <= now())
        and due_at > greatest(now(), hastened_at + make_interval(secs => $1))";
