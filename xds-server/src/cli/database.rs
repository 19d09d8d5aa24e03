//! Where the rows are.

use std::{fmt, str::FromStr};

use clap::Args;

use super::CliError;
use crate::store::Store;

/// The setting, for commands that need no other.
#[derive(Debug, Args)]
pub(super) struct Database {
    /// Where the rows are, `postgres://…`
    #[arg(long, env = "FERROX_DATABASE_URL", hide_env_values = true)]
    database_url: DatabaseUrl,
}

impl Database {
    pub(super) fn store(&self) -> Result<Store, CliError> {
        Ok(Store::connect(self.database_url.expose())?)
    }
}

/// Where PostgreSQL is. Holds a password, so it does not print.
#[derive(Clone)]
pub(super) struct DatabaseUrl(String);

impl DatabaseUrl {
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for DatabaseUrl {
    type Err = std::convert::Infallible;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        Ok(Self(url.to_owned()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DatabaseUrl(…)")
    }
}
