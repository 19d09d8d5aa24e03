//! The keys that encrypt secrets in the database.

use std::{fmt, str::FromStr};

use clap::Args;

use super::CliError;
use crate::secrets::{EncryptionKey, Keyring};

/// The setting, which every command that reads or writes secrets has.
#[derive(Debug, Args)]
pub(super) struct EncryptionKeys {
    /// Keys of the secrets in the database, separated by commas, each as `ferrox encryption-key` prints it; the first
    /// encrypts, all decrypt. Set the variable: arguments can be seen by others
    #[arg(long, env = "FERROX_ENCRYPTION_KEYS", hide_env_values = true, value_name = "KEYS")]
    encryption_keys: Option<Unparsed>,
}

/// Keys as text. Parsed later, since clap's errors quote what they refuse.
#[derive(Clone)]
struct Unparsed(String);

impl FromStr for Unparsed {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Unparsed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EncryptionKeys(…)")
    }
}

impl EncryptionKeys {
    /// The keys; without any, nothing can be encrypted or decrypted, which is no harm where nothing is.
    pub(super) fn keyring(&self) -> Result<Keyring, CliError> {
        match &self.encryption_keys {
            Some(Unparsed(text)) if !text.is_empty() => text.parse().map_err(CliError::EncryptionKeys),
            _ => Ok(Keyring::default()),
        }
    }
}

/// `ferrox encryption-key`: prints a new key.
pub(super) fn print_new() -> Result<(), CliError> {
    let key = EncryptionKey::generate().map_err(CliError::EncryptionKeys)?;
    println!("{}", key.expose());
    Ok(())
}
