//! `ferrox key list`.

use clap::Args;
use ferrox_policy::auth::KeyDigest;

use crate::{
    cli::{CliError, Database},
    store::KnownKey,
};

const HEAD: &str = "SHA256\tCONSUMER\tNAME\tSCOPES\tROUTES\tNOT BEFORE\tEXPIRES\tSTATE\tLAST USED\tREQUESTS";

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// Of this consumer only
    #[arg(long, value_name = "NAME")]
    consumer: Option<String>,
    /// Print JSON objects, one a line, with whole digests
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: Database,
}

impl List {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let keys = self.database.store()?.api_keys_of(self.consumer.as_deref()).await?;
        if self.json {
            // Strings, numbers and lists of them: they always serialize.
            keys.iter().for_each(|key| println!("{}", serde_json::to_string(key).unwrap_or_default()));
            return Ok(());
        }
        println!("{HEAD}");
        keys.iter().for_each(|key| println!("{}", line(key)));
        Ok(())
    }
}

fn line(key: &KnownKey) -> String {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let routes = if key.routes.is_empty() { "any".to_owned() } else { key.routes.join(",") };
    [
        key.sha256.chars().take(KeyDigest::START).collect(),
        key.consumer.clone(),
        key.name.as_deref().unwrap_or("-").escape_debug().to_string(),
        key.scopes.as_ref().map_or("all".to_owned(), |scopes| scopes.join(",")),
        routes,
        or_dash(&key.not_before),
        or_dash(&key.expires_at),
        if key.disabled { "disabled" } else { "enabled" }.to_owned(),
        or_dash(&key.last_used_at),
        key.requests.to_string(),
    ]
    .join("\t")
}
