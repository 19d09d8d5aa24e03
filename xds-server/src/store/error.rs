//! Why the database could not be used.

/// A failure of the store. Its text holds neither the URL nor the password.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL makes no sense.
    #[error("the database URL is not valid; it should look like postgres://user:password@host/database")]
    Url,
    /// The schema could not be brought up to date.
    #[error("cannot migrate the database: {0}")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// A query failed, or there is no connection.
    #[error("cannot {doing}: {source}")]
    Database {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: sqlx::Error,
    },
}

impl StoreError {
    /// For `map_err`: a failure while doing something.
    pub(super) fn while_doing(doing: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }
}
