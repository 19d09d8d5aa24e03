//! `ferrox key create`.

use clap::Args;
use ferrox_policy::auth::ApiKey;
use ring::rand::{SecureRandom, SystemRandom};
use serde::Serialize;

use super::{KeyError, terms::Terms};
use crate::{cli::CliError, store::KnownKey};

#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    #[command(flatten)]
    terms: Terms,
    /// Print one JSON object with the key and all that is known of it
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Created<'a> {
    key: &'a str,
    #[serde(flatten)]
    known: KnownKey,
}

impl Create {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let key = generate()?;
        let sha256 = key.sha256();
        self.terms.add(&[sha256]).await?;
        if !self.json {
            println!("{}", key.as_str());
            eprintln!("sha256 {sha256}");
            return Ok(());
        }
        let known = self.terms.store()?.api_keys_like(&sha256.to_string()).await?;
        let known = known.into_iter().next().ok_or(KeyError::Unknown)?;
        // Strings, numbers and lists of them: they always serialize.
        println!("{}", serde_json::to_string(&Created { key: key.as_str(), known }).unwrap_or_default());
        Ok(())
    }
}

fn generate() -> Result<ApiKey, KeyError> {
    let mut bits = [0; 24];
    SystemRandom::new().fill(&mut bits).map_err(|_| KeyError::Random)?;
    Ok(ApiKey::from_random(bits))
}
