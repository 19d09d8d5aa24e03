//! The injective encoding of every key in Redis.
//!
//! A key starts with `ferrox:<version>:<kind>` and each part carries its length, so that no client input makes two
//! different things share a key: `ferrox:1:limit|5:route|-|3:a|b`.

use std::fmt;

use sha2::{Digest, Sha256};

/// Version of the encoding. A change of it makes every old key unreachable, which is what is wanted.
pub const VERSION: u32 = 1;

/// A key under construction: parts in order, each with its length.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(Vec<u8>);

impl Key {
    /// An empty key of a kind. The kind is a constant of the program, never client input.
    #[must_use]
    pub fn new(kind: &'static str) -> Self {
        Self(format!("ferrox:{VERSION}:{kind}").into_bytes())
    }

    /// Appends a part.
    #[must_use]
    pub fn part(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        self.0.extend_from_slice(format!("|{}:", part.len()).as_bytes());
        self.0.extend_from_slice(part);
        self
    }

    /// Appends the mark of a part that is not there, which differs from an empty one.
    #[must_use]
    pub fn absent(mut self) -> Self {
        self.0.extend_from_slice(b"|-");
        self
    }

    /// Appends a part, or the mark that it is not there.
    #[must_use]
    pub fn optional(self, part: Option<impl AsRef<[u8]>>) -> Self {
        match part {
            Some(part) => self.part(part),
            None => self.absent(),
        }
    }

    /// Appends a list of any length, so that what follows it cannot be taken for a member.
    #[must_use]
    pub fn list<T: AsRef<[u8]>>(self, parts: impl ExactSizeIterator<Item = T>) -> Self {
        let counted = self.part(parts.len().to_string());
        parts.fold(counted, Self::part)
    }

    /// The whole key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// SHA-256 of the whole key in lower-case hex: a name of bounded length without client input in it.
    #[must_use]
    pub fn digest(&self) -> String {
        Sha256::digest(&self.0).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_reads_as_documented() {
        let key = Key::new("limit").part("route").absent().part("a|b").list(["x"].iter());
        assert_eq!(key.to_string(), "ferrox:1:limit|5:route|-|3:a|b|1:1|1:x");
        assert_eq!(key.digest().len(), 64);
    }

    type Parts = Vec<Option<Vec<u8>>>;

    fn encode(parts: &Parts) -> Key {
        parts.iter().fold(Key::new("t"), |key, part| key.optional(part.as_ref()))
    }

    proptest! {
        /// The characters of the encoding itself are the likeliest to fool it.
        #[test]
        fn different_parts_make_different_keys(
            a in prop::collection::vec(prop::option::of(prop::collection::vec(prop::sample::select(b"|:-12".to_vec()), 0..6)), 0..5),
            b in prop::collection::vec(prop::option::of(prop::collection::vec(prop::sample::select(b"|:-12".to_vec()), 0..6)), 0..5),
        ) {
            prop_assert_eq!(encode(&a) == encode(&b), a == b);
        }

        #[test]
        fn different_lists_make_different_keys(
            a in prop::collection::vec(prop::collection::vec("[|:0-3]{0,3}", 0..4), 0..3),
            b in prop::collection::vec(prop::collection::vec("[|:0-3]{0,3}", 0..4), 0..3),
        ) {
            let encode = |lists: &Vec<Vec<String>>| lists.iter().fold(Key::new("t"), |key, list| key.list(list.iter()));
            prop_assert_eq!(encode(&a) == encode(&b), a == b);
        }
    }
}
