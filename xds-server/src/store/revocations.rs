//! Writing revocations of tokens.

use sqlx::FromRow;

use super::{Store, StoreError};

/// A revocation that is to be made.
#[derive(Debug, Clone)]
pub struct NewRevocation {
    /// Name of the provider.
    pub provider: String,
    /// Which tokens.
    pub tokens: RevokedTokens,
    /// For people.
    pub reason: String,
    /// For how long from now the tokens could live, in seconds; `None`: as long as the provider's may live at most.
    pub for_seconds: Option<u32>,
}

/// Tokens that are taken back.
#[derive(Debug, Clone)]
pub enum RevokedTokens {
    /// The one of this `jti`.
    Token(String),
    /// Those of a subject.
    Subject {
        /// The `sub`.
        subject: String,
        /// Those made before this, in seconds since 1970; `None`: up to now, this second included.
        before: Option<u32>,
    },
}

/// A revocation as people see it.
#[derive(Debug, Clone, FromRow)]
pub struct Revocation {
    /// Its number.
    pub id: i64,
    /// Name of the provider.
    pub provider: String,
    /// The `jti` of the token.
    pub jti: Option<String>,
    /// The `sub` of the tokens.
    pub subject: Option<String>,
    /// Up to when they were made; RFC 3339.
    pub before: Option<String>,
    /// When the last of them has expired; RFC 3339.
    pub expires_at: String,
    /// For people.
    pub reason: String,
}

/// What came of a revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// It has this number.
    Done(i64),
    /// There is no such provider.
    NoProvider,
    /// It is not said how long the tokens live, and the provider does not limit it.
    NoLifetime,
}

impl Store {
    /// Takes tokens back. What was taken back before stays so, for the longer of both times.
    ///
    /// # Errors
    /// When the database cannot be used or refuses a value.
    pub async fn revoke(&self, revocation: &NewRevocation) -> Result<Revoked, StoreError> {
        let failure = StoreError::while_doing("write the revocation");
        let NewRevocation { provider, tokens, reason, for_seconds } = revocation;
        let lifetime: Option<Option<i64>> = sqlx::query_scalar(
            "select coalesce($2, max_lifetime_seconds::bigint) from jwt_providers where name = $1",
        )
        .bind(provider)
        .bind(for_seconds.map(i64::from))
        .fetch_optional(&self.pool)
        .await
        .map_err(&failure)?;
        let Some(lifetime) = lifetime else { return Ok(Revoked::NoProvider) };
        let Some(lifetime) = lifetime else { return Ok(Revoked::NoLifetime) };
        let query = match tokens {
            RevokedTokens::Token(jti) => sqlx::query_scalar(TOKEN).bind(provider).bind(jti),
            RevokedTokens::Subject { subject, before } => {
                sqlx::query_scalar(SUBJECT).bind(provider).bind(subject).bind(before.map(i64::from))
            }
        };
        let id = query.bind(reason).bind(lifetime).fetch_one(&self.pool).await.map_err(failure)?;
        Ok(Revoked::Done(id))
    }

    /// Every revocation, the oldest first.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn revocations(&self) -> Result<Vec<Revocation>, StoreError> {
        sqlx::query_as(
            r#"select id, provider, jti, subject, reason,
                      to_char(before at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as before,
                      to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as expires_at
               from revocations order by id"#,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::while_doing("read the revocations"))
    }

    /// Removes a revocation; returns whether there was one.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn remove_revocation(&self, id: i64) -> Result<bool, StoreError> {
        sqlx::query("delete from revocations where id = $1")
            .bind(id)
            .execute(&self.pool)
            .await
            .map(|done| done.rows_affected() > 0)
            .map_err(StoreError::while_doing("remove the revocation"))
    }
}

const TOKEN: &str = "
    insert into revocations (provider, jti, reason, expires_at)
    values ($1, $2, $3, now() + make_interval(secs => $4))
    on conflict (provider, jti) do update set
        reason = excluded.reason, expires_at = greatest(revocations.expires_at, excluded.expires_at)
    returning id";

/// Without a time, up to the end of this second: `iat` mostly has no fractions, and who was just shut out must not keep a token
/// of the same second.
const SUBJECT: &str = "
    insert into revocations (provider, subject, before, reason, expires_at)
    values ($1, $2, coalesce(to_timestamp($3), date_trunc('second', now()) + interval '1 second'), $4,
            now() + make_interval(secs => $5))
    on conflict (provider, subject) do update set
        before = greatest(revocations.before, excluded.before), reason = excluded.reason,
        expires_at = greatest(revocations.expires_at, excluded.expires_at)
    returning id";
