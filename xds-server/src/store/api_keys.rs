//! Writing API keys by command, and listing them.

use std::collections::BTreeSet;

use ferrox_policy::auth::KeyDigest;
use serde::Serialize;
use sqlx::FromRow;

use super::{ApiKeyRow, ConsumerRow, Store, StoreError};

/// What is known of an API key, times in UTC and whole seconds (RFC 3339, `2027-01-31T12:00:00Z`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct KnownKey {
    /// SHA-256 of the key, 64 lower-case hex digits.
    pub sha256: String,
    /// Who holds it.
    pub consumer: String,
    /// What people call it.
    pub name: Option<String>,
    /// Scopes of the consumer that it has; none: all of them.
    pub scopes: Option<Vec<String>>,
    /// Routes that it is good for; empty: any.
    pub routes: Vec<String>,
    /// Since when it is good.
    pub not_before: Option<String>,
    /// From when on it is no longer.
    pub expires_at: Option<String>,
    /// Whether it is switched off.
    pub disabled: bool,
    /// When it was inserted.
    pub created_at: String,
    /// When it was last used; none: never.
    pub last_used_at: Option<String>,
    /// In how many requests it was used.
    pub requests: i64,
}

macro_rules! known_keys {
    ($condition:literal) => {
        concat!(
            r#"select encode(key.sha256, 'hex') as sha256, consumer, name, scopes, routes, disabled,
                  to_char(not_before at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as not_before,
                  to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as expires_at,
                  to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as created_at,
                  to_char(last_used_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as last_used_at,
                  coalesce(requests, 0) as requests
               from api_keys key left join api_key_usage using (sha256)
               where "#,
            $condition,
            r#" order by consumer collate "C", created_at, key.sha256"#
        )
    };
}

impl Store {
    /// The keys of a consumer, or of all, by consumer and age.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn api_keys_of(&self, consumer: Option<&str>) -> Result<Vec<KnownKey>, StoreError> {
        sqlx::query_as(known_keys!("$1 is null or consumer = $1"))
            .bind(consumer)
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::while_doing("read the API keys"))
    }

    /// The keys whose digests begin with these hex digits, two at most.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn api_keys_like(&self, start: &str) -> Result<Vec<KnownKey>, StoreError> {
        sqlx::query_as(concat!(known_keys!("starts_with(encode(key.sha256, 'hex'), $1)"), " limit 2"))
            .bind(start)
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::while_doing("look for the API key"))
    }

    /// A consumer.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn consumer(&self, name: &str) -> Result<Option<ConsumerRow>, StoreError> {
        sqlx::query_as("select name, scopes from consumers where name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::while_doing("look for the consumer"))
    }

    /// Those of the names that routes have.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn routes_of(&self, names: &[String]) -> Result<BTreeSet<String>, StoreError> {
        let found: Vec<String> = sqlx::query_scalar("select name from routes where name = any($1)")
            .bind(names)
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::while_doing("look for the routes"))?;
        Ok(found.into_iter().collect())
    }

    /// Adds keys, each as the row says but for the digest; returns of how many. Keys that are there already stay as they
    /// are.
    ///
    /// # Errors
    /// When the database cannot be used. None was added then.
    pub async fn add_api_keys(&self, digests: &[KeyDigest], row: &ApiKeyRow) -> Result<u64, StoreError> {
        let digests: Vec<&[u8]> = digests.iter().map(|digest| digest.0.as_slice()).collect();
        sqlx::query(
            "insert into api_keys (sha256, consumer, name, scopes, routes, not_before, expires_at, disabled)
             select sha256, $2, $3, $4, $5, to_timestamp($6::bigint), to_timestamp($7::bigint), $8
             from unnest($1::bytea[]) sha256
             on conflict do nothing",
        )
        .bind(digests)
        .bind(&row.consumer)
        .bind(&row.name)
        .bind(&row.scopes)
        .bind(&row.routes)
        .bind(row.not_before)
        .bind(row.expires_at)
        .bind(row.disabled)
        .execute(&self.pool)
        .await
        .map(|done| done.rows_affected())
        .map_err(StoreError::while_doing("add the API keys"))
    }

    /// Switches a key off or on; returns whether there was one.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn set_api_key_disabled(&self, sha256: &str, disabled: bool) -> Result<bool, StoreError> {
        sqlx::query("update api_keys set disabled = $2 where sha256 = decode($1, 'hex')")
            .bind(sha256)
            .bind(disabled)
            .execute(&self.pool)
            .await
            .map(|done| done.rows_affected() > 0)
            .map_err(StoreError::while_doing("switch the API key"))
    }

    /// Removes a key; returns whether there was one.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn remove_api_key(&self, sha256: &str) -> Result<bool, StoreError> {
        sqlx::query("delete from api_keys where sha256 = decode($1, 'hex')")
            .bind(sha256)
            .execute(&self.pool)
            .await
            .map(|done| done.rows_affected() > 0)
            .map_err(StoreError::while_doing("remove the API key"))
    }
}
