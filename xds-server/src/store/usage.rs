//! Writing how much API keys are used.

use ferrox_policy::auth::KeyDigest;

use super::{Store, StoreError};

/// How much a key was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyUse {
    /// When last, in seconds since 1970.
    pub last_used: u64,
    /// In so many requests.
    pub requests: u64,
}

/// Keys that are there are held, so that none is removed meanwhile; all in one order, so that replicas do not wait for each
/// other in a circle. A sum that no bigint holds stays at the greatest.
const ADD: &str = "
    insert into api_key_usage as usage (sha256, last_used_at, requests)
    select key.sha256, to_timestamp(used.last_used), used.requests
    from unnest($1::bytea[], $2::bigint[], $3::bigint[]) used (sha256, last_used, requests)
    join api_keys key using (sha256)
    order by key.sha256
    for key share of key
    on conflict (sha256) do update set
        last_used_at = greatest(usage.last_used_at, excluded.last_used_at),
        requests = least(usage.requests::numeric + excluded.requests, 9223372036854775807)::bigint";

impl Store {
    /// Adds to what is on record of these keys, each of which stands once; returns of how many. Keys that are not there are
    /// left out.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn add_key_usage(&self, used: &[(KeyDigest, KeyUse)]) -> Result<u64, StoreError> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let digests: Vec<&[u8]> = used.iter().map(|(digest, _)| digest.0.as_slice()).collect();
        let last_used: Vec<_> = used.iter().map(|(_, used)| number(used.last_used)).collect();
        let requests: Vec<_> = used.iter().map(|(_, used)| number(used.requests)).collect();
        sqlx::query(ADD)
            .bind(digests)
            .bind(last_used)
            .bind(requests)
            .execute(&self.pool)
            .await
            .map(|done| done.rows_affected())
            .map_err(StoreError::while_doing("write the use of API keys"))
    }
}
