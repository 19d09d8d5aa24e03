//! `ferrox key import`: keys that were made elsewhere.

use std::{collections::BTreeSet, io};

use clap::Args;
use ferrox_policy::auth::{KeyDigest, Shape};

use super::{KeyError, terms::Terms};
use crate::cli::CliError;

/// A shorter key can be guessed from its digest, whatever it is made of.
const MIN_BYTES: usize = 16;

/// A longer one fits no header.
const MAX_BYTES: usize = 4096;

#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    #[command(flatten)]
    terms: Terms,
}

impl Import {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let digests = digests(&io::read_to_string(io::stdin()).map_err(KeyError::Input)?)?;
        let added = self.terms.add(&digests).await?;
        println!("{added} keys");
        let given = digests.len();
        match u64::try_from(given).unwrap_or(u64::MAX).saturating_sub(added) {
            0 => Ok(()),
            known => Err(KeyError::Known { given, known }.into()),
        }
    }
}

/// All or none: a line that is no key is told before anything is written.
fn digests(lines: &str) -> Result<Vec<KeyDigest>, KeyError> {
    let mut seen = BTreeSet::new();
    let parse = |(index, line): (usize, &str)| {
        let refuse = |reason| KeyError::Line { line: index + 1, reason };
        check(line.as_bytes()).map_err(refuse)?;
        let digest = KeyDigest::of(line.as_bytes());
        seen.insert(digest).then_some(digest).ok_or_else(|| refuse("stands twice"))
    };
    lines.lines().enumerate().map(parse).collect()
}

fn check(key: &[u8]) -> Result<(), &'static str> {
    if key.len() < MIN_BYTES {
        return Err("is no key: it has fewer than 16 bytes");
    }
    if key.len() > MAX_BYTES {
        return Err("is no key: it has more than 4096 bytes");
    }
    if !key.iter().all(u8::is_ascii_graphic) {
        return Err("is no key: it is not printable ASCII without spaces");
    }
    match Shape::of(key) {
        Shape::Mistyped => Err("begins like a key of Ferrox and is none: mistyped or cut off"),
        Shape::Ours | Shape::Foreign => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use ferrox_policy::auth::ApiKey;

    use super::*;

    fn refusal(lines: &str) -> String {
        digests(lines).unwrap_err().to_string()
    }

    #[test]
    fn keys_from_elsewhere_and_our_own_are_taken() {
        let ours = ApiKey::from_random([7; 24]);
        let lines = format!("0123456789abcdef\r\n{}\n", ours.as_str());
        assert_eq!(digests(&lines).unwrap(), [KeyDigest::of(b"0123456789abcdef"), ours.sha256()]);
    }

    #[test]
    fn a_line_that_is_no_key_is_told_by_its_number_and_not_quoted() {
        for (line, reason) in [
            ("0123456789abcde", "fewer than 16"),
            ("", "fewer than 16"),
            (&"a".repeat(4097), "more than 4096"),
            ("0123456789abcdef g", "printable ASCII"),
            ("0123456789abcdéfg", "printable ASCII"),
            ("fx_0123456789abcdef", "mistyped"),
            ("0123456789abcdef", "twice"),
        ] {
            let told = refusal(&format!("0123456789abcdef\n{line}\n"));
            assert!(told.starts_with("line 2 ") && told.contains(reason), "{told}");
            assert!(line.is_empty() || !told.contains(line), "{told}");
        }
    }
}
