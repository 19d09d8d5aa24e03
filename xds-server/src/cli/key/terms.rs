//! What new keys are good for.

use clap::Args;
use ferrox_policy::auth::KeyDigest;

use super::{
    KeyError,
    time::{Period, Time},
};
use crate::{
    cli::{CliError, Database},
    model::check_api_key,
    store::{ApiKeyRow, Store},
};

#[derive(Debug, Args)]
pub(super) struct Terms {
    /// Who holds the key
    #[arg(long, value_name = "NAME")]
    consumer: String,
    /// What people call the key
    #[arg(long, value_name = "LABEL")]
    name: Option<String>,
    /// A scope of the consumer that the key has; may be given several times. Without any, it has all of them
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A route that the key is good for; may be given several times. Without any, it is good for all
    #[arg(long = "route", value_name = "ROUTE")]
    routes: Vec<String>,
    /// How long the key is good from now on: a number and s, m, h, d or w, as in 90d
    #[arg(long, value_name = "PERIOD", conflicts_with = "expires_at")]
    expires_in: Option<Period>,
    /// When the key is no longer good (RFC 3339, as 2027-01-31T12:00:00Z)
    #[arg(long, value_name = "TIME")]
    expires_at: Option<Time>,
    /// From when on the key is good (RFC 3339)
    #[arg(long, value_name = "TIME")]
    not_before: Option<Time>,
    #[command(flatten)]
    database: Database,
}

impl Terms {
    /// Adds these keys; returns how many of them were not there.
    pub(super) async fn add(&self, digests: &[KeyDigest]) -> Result<u64, CliError> {
        let Some(first) = digests.first() else { return Err(KeyError::NoKey.into()) };
        let store = self.store()?;
        let row = self.row(first);
        self.check(&row, &store).await?;
        Ok(store.add_api_keys(digests, &row).await?)
    }

    pub(super) fn store(&self) -> Result<Store, CliError> {
        self.database.store()
    }

    fn row(&self, sha256: &KeyDigest) -> ApiKeyRow {
        let expires = self.expires_in.map(Period::after_now).or(self.expires_at);
        ApiKeyRow {
            sha256: sha256.to_string(),
            consumer: self.consumer.clone(),
            name: self.name.clone(),
            scopes: (!self.scopes.is_empty()).then(|| self.scopes.clone()),
            routes: self.routes.clone(),
            not_before: self.not_before.map(Time::seconds),
            expires_at: expires.map(Time::seconds),
            disabled: false,
        }
    }

    /// By the check of the server, which would leave it out.
    async fn check(&self, row: &ApiKeyRow, store: &Store) -> Result<(), CliError> {
        let consumer = store.consumer(&self.consumer).await?;
        let consumer = consumer.ok_or_else(|| KeyError::NoConsumer(self.consumer.clone()))?;
        let routes = store.routes_of(&self.routes).await?;
        Ok(check_api_key(row, &consumer, &routes).map_err(KeyError::Problems)?)
    }
}
