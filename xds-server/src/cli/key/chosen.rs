//! What is done with a key that is there: `ferrox key disable`, `enable` and `revoke`.

use std::{fmt, io, str::FromStr};

use clap::Args;
use ferrox_policy::auth::KeyDigest;

use super::KeyError;
use crate::{
    cli::{CliError, Database},
    store::{KnownKey, Store},
};

/// Fewer digits of a digest are easily mistaken.
const MIN_DIGITS: usize = 8;

#[derive(Debug, Args)]
pub(in crate::cli) struct Chosen {
    /// The first hex digits of the key's SHA-256, at least 8; or - to read the key itself from the standard input
    #[arg(value_name = "SHA256")]
    key: Named,
    #[command(flatten)]
    database: Database,
}

/// How the key is named. Parsed later, since clap's errors quote what they refuse, which may be the key itself.
#[derive(Clone)]
struct Named(String);

impl FromStr for Named {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Named(…)")
    }
}

impl Named {
    /// The first digits of its digest, or all.
    fn digits(&self) -> Result<String, KeyError> {
        if self.0 == "-" {
            let input = io::read_to_string(io::stdin()).map_err(KeyError::Input)?;
            let key = input.lines().next().filter(|key| !key.is_empty()).ok_or(KeyError::NoKey)?;
            return Ok(KeyDigest::of(key.as_bytes()).to_string());
        }
        let digits = self.0.to_ascii_lowercase();
        let is_start =
            (MIN_DIGITS..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        is_start.then_some(digits).ok_or(KeyError::NoName)
    }
}

impl Chosen {
    pub(super) async fn set_disabled(self, disabled: bool) -> Result<(), CliError> {
        let (store, key) = self.find().await?;
        found(store.set_api_key_disabled(&key.sha256, disabled).await?, &key)
    }

    pub(super) async fn revoke(self) -> Result<(), CliError> {
        let (store, key) = self.find().await?;
        found(store.remove_api_key(&key.sha256).await?, &key)
    }

    async fn find(self) -> Result<(Store, KnownKey), CliError> {
        let digits = self.key.digits()?;
        let store = self.database.store()?;
        let mut keys = store.api_keys_like(&digits).await?;
        match (keys.pop(), keys.pop()) {
            (Some(key), None) => Ok((store, key)),
            (None, _) => Err(KeyError::Unknown.into()),
            (Some(_), Some(_)) => Err(KeyError::Ambiguous(digits).into()),
        }
    }
}

/// It may have been removed meanwhile.
fn found(found: bool, key: &KnownKey) -> Result<(), CliError> {
    if !found {
        return Err(KeyError::Unknown.into());
    }
    println!("{}", key.sha256);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_by_the_start_of_its_digest_and_never_by_itself() {
        let digits = |text: &str| Named(text.to_owned()).digits();
        assert_eq!(digits("0123ABCD").unwrap(), "0123abcd");
        for text in ["0123abc", "0123abcg", &"a".repeat(65), "fx_0123456789abcdef", ""] {
            let told = digits(text).unwrap_err().to_string();
            assert!(text.is_empty() || !told.contains(text), "{told}");
        }
    }
}
