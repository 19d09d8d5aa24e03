//! What is stored and shipped of a key: its SHA-256.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// SHA-256 of an API key, in text 64 lower-case hex digits. No key can be made from it, so it may be shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyDigest(pub [u8; 32]);

impl KeyDigest {
    /// So many hex digits tell keys apart.
    pub const START: usize = 16;

    /// The first digits, by which people tell keys apart.
    #[must_use]
    pub fn start(&self) -> String {
        let mut hex = self.to_string();
        hex.truncate(Self::START);
        hex
    }

    /// The digest of a key as the client sends it.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Reads 64 lower-case hex digits; `None` for anything else.
    #[must_use]
    pub fn from_hex(hex: &str) -> Option<Self> {
        let mut digest = [0; 32];
        if hex.len() != 2 * digest.len() {
            return None;
        }
        for (byte, digits) in digest.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let [high, low] = digits else { return None };
            *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
        }
        Some(Self(digest))
    }

    /// Compares in a time that does not depend on where the two differ.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyDigest({self})")
    }
}

impl Serialize for KeyDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Hex)
    }
}

/// Reads a digest. Its errors do not quote the text: it may be the key itself, by mistake.
struct Hex;

impl de::Visitor<'_> for Hex {
    type Value = KeyDigest;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("64 lower-case hex digits")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<KeyDigest, E> {
        KeyDigest::from_hex(text).ok_or_else(|| E::custom("must be 64 lower-case hex digits"))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for KeyDigest {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "KeyDigest".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[0-9a-f]{64}$"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SHA-256 of "abc" (FIPS 180-2 appendix B.1).
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_digest_reads_and_writes_as_hex() {
        assert_eq!(KeyDigest::of(b"abc").to_string(), ABC);
        assert_eq!(KeyDigest::from_hex(ABC), Some(KeyDigest::of(b"abc")));
        let json = serde_json::to_string(&KeyDigest::of(b"abc")).unwrap();
        assert_eq!(serde_json::from_str::<KeyDigest>(&json).unwrap(), KeyDigest::of(b"abc"));
    }

    #[test]
    fn what_is_no_digest_is_refused_and_not_repeated() {
        for text in ["", "abc", &ABC[2..], &ABC.to_uppercase(), &ABC.replace('b', "g"), &format!("{ABC}00")] {
            assert_eq!(KeyDigest::from_hex(text), None, "{text}");
        }
        let error = serde_json::from_str::<KeyDigest>(r#""hunter2""#).unwrap_err().to_string();
        assert!(error.starts_with("must be 64 lower-case hex digits"), "{error}");
    }

    #[test]
    fn digests_are_equal_only_where_every_bit_is() {
        let digest = KeyDigest::of(b"abc");
        assert!(digest.equals(&KeyDigest::of(b"abc")));
        for bit in 0..256 {
            let mut other = digest;
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert!(!digest.equals(&other), "bit {bit}");
        }
    }
}
