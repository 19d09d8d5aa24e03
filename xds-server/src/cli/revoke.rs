//! `ferrox revoke`: tokens that are refused before they expire.

use clap::{Args, Subcommand};

use super::{CliError, Database};
use crate::store::{NewRevocation, Revocation, Revoked, RevokedTokens};

#[derive(Debug, Subcommand)]
pub(super) enum Revoke {
    /// Take back one token, by its jti
    Token(Token),
    /// Take back the tokens that a subject has
    Subject(Subject),
    /// List what was taken back: number, provider, tokens, expiry and reason
    List(List),
    /// Remove a revocation, by its number in the list: tokens that have not expired are accepted again
    Remove(Remove),
}

#[derive(Debug, Args)]
pub(super) struct Token {
    /// Name of the provider
    provider: String,
    /// The token's jti
    jti: String,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Debug, Args)]
pub(super) struct Subject {
    /// Name of the provider
    provider: String,
    /// The tokens' sub
    subject: String,
    /// Seconds since 1970: tokens whose iat is before this are taken back, and those without one [default: now]
    #[arg(long, value_name = "TIME")]
    before: Option<u32>,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Debug, Args)]
struct Terms {
    /// Why, for whoever reads the list
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    /// After so many seconds the last of the tokens has expired, and the revocation may be forgotten [default: the provider's
    /// max_lifetime_seconds]
    #[arg(long, value_name = "SECONDS")]
    for_seconds: Option<u32>,
    #[command(flatten)]
    database: Database,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    database: Database,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// Number of the revocation
    id: i64,
    #[command(flatten)]
    database: Database,
}

/// Why nothing was taken back.
#[derive(Debug, thiserror::Error)]
pub(super) enum RevokeError {
    #[error("the {0} must not be empty")]
    Empty(&'static str),
    #[error("there is no provider '{0}'")]
    NoProvider(String),
    #[error(
        "provider '{0}' has no max_lifetime_seconds: say with --for-seconds how long its tokens live at most"
    )]
    NoLifetime(String),
    #[error("there is no revocation {0}")]
    Unknown(i64),
}

impl Revoke {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self {
            Self::Token(token) => token.run().await,
            Self::Subject(subject) => subject.run().await,
            Self::List(list) => list.run().await,
            Self::Remove(remove) => remove.run().await,
        }
    }
}

impl Token {
    async fn run(self) -> Result<(), CliError> {
        let jti = filled("jti", self.jti)?;
        self.terms.revoke(self.provider, RevokedTokens::Token(jti)).await
    }
}

impl Subject {
    async fn run(self) -> Result<(), CliError> {
        let tokens =
            RevokedTokens::Subject { subject: filled("subject", self.subject)?, before: self.before };
        self.terms.revoke(self.provider, tokens).await
    }
}

fn filled(what: &'static str, value: String) -> Result<String, RevokeError> {
    if value.is_empty() { Err(RevokeError::Empty(what)) } else { Ok(value) }
}

impl Terms {
    async fn revoke(self, provider: String, tokens: RevokedTokens) -> Result<(), CliError> {
        let Self { reason, for_seconds, database } = self;
        let revocation = NewRevocation { provider, tokens, reason, for_seconds };
        match database.store()?.revoke(&revocation).await? {
            Revoked::Done(id) => println!("{id}"),
            Revoked::NoProvider => return Err(RevokeError::NoProvider(revocation.provider).into()),
            Revoked::NoLifetime => return Err(RevokeError::NoLifetime(revocation.provider).into()),
        }
        Ok(())
    }
}

impl List {
    async fn run(self) -> Result<(), CliError> {
        for revocation in self.database.store()?.revocations().await? {
            println!("{}", line(&revocation));
        }
        Ok(())
    }
}

/// Escaped, since whoever got a token chose what is in it.
fn line(revocation: &Revocation) -> String {
    let Revocation { id, provider, jti, subject, before, expires_at, reason } = revocation;
    let escaped = |text: &Option<String>| text.as_deref().unwrap_or_default().escape_debug().to_string();
    let tokens = match before {
        None => format!("jti {}", escaped(jti)),
        Some(before) => format!("sub {} before {before}", escaped(subject)),
    };
    format!("{id}\t{}\t{tokens}\t{expires_at}\t{}", provider.escape_debug(), reason.escape_debug())
}

impl Remove {
    async fn run(self) -> Result<(), CliError> {
        match self.database.store()?.remove_revocation(self.id).await? {
            true => Ok(()),
            false => Err(RevokeError::Unknown(self.id).into()),
        }
    }
}
