//! How answers are compressed.

use std::collections::BTreeSet;

use ferrox_policy::{Check, Invalid};
use serde::Deserialize;

/// How answers are compressed for clients that take it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compression {
    /// By what, at least one. The client chooses; one that takes several alike gets `brotli` if it is among them.
    pub algorithms: BTreeSet<Algorithm>,
}

/// A content coding (RFC 9110 section 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
    /// RFC 1952.
    Gzip,
}

impl Algorithm {
    /// All.
    pub const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];
}

impl Check for Compression {
    fn check(&self) -> Result<(), Invalid> {
        match self.algorithms.is_empty() {
            true => Err(Invalid::new("algorithms", "needs at least one")),
            false => Ok(()),
        }
    }
}
