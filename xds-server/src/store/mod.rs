//! Rows in PostgreSQL: reading them in one piece, hearing of changes and reading those, recording releases.

mod api_keys;
mod certificates;
mod changed;
mod changes;
mod error;
mod jwks;
mod patch;
mod prune;
mod reading;
mod releases;
mod revocations;
mod rows;
mod tables;
mod usage;

use std::time::Duration;

use sqlx::{
    PgPool,
    migrate::{Migration, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};

pub use api_keys::KnownKey;
pub use changed::{Changed, Things};
pub use changes::{Changes, Heard};
pub use error::StoreError;
pub use jwks::{JwksFetch, JwksTurn, Kept};
pub use prune::Pruner;
pub use reading::Reading;
pub use releases::{NewRelease, Release};
pub use revocations::{NewRevocation, Revocation, Revoked, RevokedTokens};
pub use rows::{
    ApiKeyRow, CertificateRow, ConsumerRow, EndpointRow, GatewayRow, JwksSetRow, JwtProviderRow, ListenerRow,
    LiveRows, RevocationRow, RouteMirrorRow, RoutePolicyRow, RouteRow, RouteUpstreamRow, Rows, UpstreamRow,
};
pub use usage::KeyUse;

/// One connection listens, one reads, one records releases, one writes the use of keys.
const CONNECTIONS: u32 = 4;

/// How long an operation waits for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// The database. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
}

impl Store {
    /// A store at `url` (`postgres://user:password@host/database`). It connects when it is first used, and again whenever
    /// that is needed, so PostgreSQL may be down. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn connect(url: &str) -> Result<Self, StoreError> {
        // The parser's message is left out: it may quote the URL, and with it the password.
        let options: PgConnectOptions = url.parse().map_err(|_| StoreError::Url)?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(CONNECT_WITHIN)
            .connect_lazy_with(options.application_name("ferrox"));
        Ok(Self { pool })
    }

    /// Brings the schema up to date. Replicas that start together take turns (PostgreSQL's advisory lock), and a schema that a newer
    /// version has already moved on is left as it is, so that a version can be rolled back.
    ///
    /// # Errors
    /// When the database cannot be used or a migration that ran was changed since.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let mut migrator = sqlx::migrate!("../migrations");
        migrator.set_ignore_missing(true);
        // A migrator writes even where nothing is left to do, and a server that only reads can start without.
        match self.is_migrated(&migrator).await {
            Ok(true) => Ok(()),
            Ok(false) => migrator.run(&self.pool).await.map_err(StoreError::Migrate),
            Err(error) => Err(StoreError::Migrate(error.into())),
        }
    }

    /// Whether all migrations ran, as they are now.
    async fn is_migrated(&self, migrator: &Migrator) -> Result<bool, sqlx::Error> {
        let table = "select to_regclass('_sqlx_migrations') is not null";
        if !sqlx::query_scalar::<_, bool>(table).fetch_one(&self.pool).await? {
            return Ok(false);
        }
        let ran: Vec<(i64, Vec<u8>, bool)> =
            sqlx::query_as("select version, checksum, success from _sqlx_migrations")
                .fetch_all(&self.pool)
                .await?;
        let has_run = |migration: &Migration| {
            ran.iter().any(|(version, checksum, _)| {
                *version == migration.version && *checksum == *migration.checksum
            })
        };
        Ok(ran.iter().all(|(_, _, success)| *success) && migrator.iter().all(has_run))
    }

    /// Begins to listen for changes. A change after this is told, so listen first and read then.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn changes(&self) -> Result<Changes, StoreError> {
        Changes::listen(self.pool.clone()).await
    }
}
