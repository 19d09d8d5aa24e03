//! `ferrox key`: API keys of consumers.

mod chosen;
mod create;
mod import;
mod list;
mod terms;
mod time;

use clap::Subcommand;

use super::CliError;
use crate::model::Problem;

#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Make a key for a consumer and print it, once: only its digest is kept
    Create(create::Create),
    /// Add keys that were made elsewhere, read from the standard input, one a line
    Import(import::Import),
    /// List the keys: what each is good for, when it was last used and how often
    List(list::List),
    /// Switch a key off
    Disable(chosen::Chosen),
    /// Switch a key on again
    Enable(chosen::Chosen),
    /// Remove a key for ever
    Revoke(chosen::Chosen),
}

/// Why nothing was done with a key. Never shows anything of one.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyError {
    #[error("there is no consumer '{0}'")]
    NoConsumer(String),
    #[error("the key would make no sense:\n{}", list(.0))]
    Problems(Vec<Problem>),
    #[error("the system gives no random bytes")]
    Random,
    #[error("the standard input cannot be read: {0}")]
    Input(std::io::Error),
    #[error("line {line} of the standard input {reason}; nothing was added")]
    Line { line: usize, reason: &'static str },
    #[error("the standard input has no key")]
    NoKey,
    #[error("of {given} keys {known} are known already; they stay as they are, the others were added")]
    Known { given: usize, known: u64 },
    #[error(
        "a key is named by at least 8 hex digits of its SHA-256, as `ferrox key list` shows it, or by - and the key itself \
         on the standard input"
    )]
    NoName,
    #[error("there is no such key")]
    Unknown,
    #[error("the digests of several keys begin with {0}: give more digits")]
    Ambiguous(String),
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

impl Key {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self {
            Self::Create(create) => create.run().await,
            Self::Import(import) => import.run().await,
            Self::List(list) => list.run().await,
            Self::Disable(chosen) => chosen.set_disabled(true).await,
            Self::Enable(chosen) => chosen.set_disabled(false).await,
            Self::Revoke(chosen) => chosen.revoke().await,
        }
    }
}
