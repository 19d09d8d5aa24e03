//! `ferrox check`: a dry run of what `serve` would make of the rows.

use clap::Args;

use super::{CliError, DatabaseUrl, EncryptionKeys};
use crate::{model::Model, store::Store};

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Where the rows are, `postgres://…`
    #[arg(long, env = "FERROX_DATABASE_URL", hide_env_values = true)]
    database_url: DatabaseUrl,
    #[command(flatten)]
    encryption_keys: EncryptionKeys,
}

impl Check {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let store = Store::connect(self.database_url.expose())?;
        let reading = store.read().await?;
        let model = Model::parse(reading.rows(), &self.encryption_keys.keyring()?)
            .map_err(|problems| CliError::Problems(problems.iter().map(ToString::to_string).collect()))?;
        println!("{} routes, {} upstreams: in order", model.routes().count(), model.upstreams().count());
        Ok(())
    }
}
