//! The format of the keys that Ferrox makes.

use std::fmt;

use super::KeyDigest;

/// What every key that Ferrox makes begins with.
const PREFIX: &str = "fx_";

/// Digits that hold 192 random bits: 62^33 > 2^192.
const RANDOM_DIGITS: usize = 33;

/// Digits that hold a CRC-32: 62^6 > 2^32.
const CHECK_DIGITS: usize = 6;

const LENGTH: usize = PREFIX.len() + RANDOM_DIGITS + CHECK_DIGITS;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key as its holder gets it: `fx_`, 33 digits in base 62 that are random, 6 that are a CRC-32 of all before them;
/// always 42 characters.
///
/// This is the way of GitHub's tokens. The prefix and the length let secret scanners find a leaked key, with
/// `\bfx_[0-9A-Za-z]{39}\b`, and the checksum tells it from a look-alike without asking anybody; it also catches a key
/// that was mistyped or cut off. Base 62 has no character that a shell, a URL or a cookie would change, and a double
/// click selects all of it. 192 bits cannot be guessed, so a plain SHA-256 is enough to store: a slow hash protects what
/// people choose.
///
/// It does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// The key for 192 bits, which must come from a source of randomness that is fit for cryptography. Different
    /// bits make different keys.
    #[must_use]
    pub fn from_random(mut bits: [u8; 24]) -> Self {
        let digits = [(); RANDOM_DIGITS].map(|()| digit(remainder_by_62(&mut bits)));
        let mut key = PREFIX.to_owned();
        key.extend(digits);
        key.extend(checksum(key.as_bytes()));
        Self(key)
    }

    /// The key itself, for its holder alone.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    #[must_use]
    pub fn sha256(&self) -> KeyDigest {
        KeyDigest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(..)")
    }
}

/// What a key that a client sends looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A key that Ferrox can have made.
    Ours,
    /// It begins like ours, but its length, a character or the checksum is wrong. No such key is known.
    Mistyped,
    /// A key from elsewhere, known perhaps by its digest.
    Foreign,
}

impl Shape {
    /// Looks at a key without looking it up.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        let Some(digits) = key.strip_prefix(PREFIX.as_bytes()) else { return Self::Foreign };
        match key.split_at_checked(LENGTH - CHECK_DIGITS) {
            Some((checked, check)) if is_base62(digits) && is_checksum(check, checked) => Self::Ours,
            _ => Self::Mistyped,
        }
    }
}

fn is_base62(digits: &[u8]) -> bool {
    digits.iter().all(u8::is_ascii_alphanumeric)
}

fn is_checksum(check: &[u8], checked: &[u8]) -> bool {
    check.iter().map(|byte| char::from(*byte)).eq(checksum(checked))
}

fn checksum(checked: &[u8]) -> [char; CHECK_DIGITS] {
    let mut rest = crc32(checked).to_be_bytes();
    [(); CHECK_DIGITS].map(|()| digit(remainder_by_62(&mut rest)))
}

/// Divides a number, most significant byte first, by 62.
fn remainder_by_62(number: &mut [u8]) -> u8 {
    let mut remainder = 0_u16;
    for byte in number {
        let dividend = remainder << 8 | u16::from(*byte);
        // Below 62 * 256, so the quotient fits into a byte.
        *byte = (dividend / 62).to_le_bytes()[0];
        remainder = dividend % 62;
    }
    remainder.to_le_bytes()[0]
}

fn digit(value: u8) -> char {
    BASE62.get(usize::from(value)).copied().map_or('0', char::from)
}

/// CRC-32 as of zip and PNG (ISO 3309), bit by bit: a key has 36 bytes.
fn crc32(bytes: &[u8]) -> u32 {
    let bit = |crc: u32| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| bit(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_key_has_the_length_and_alphabet_that_scanners_look_for() {
        for bits in [[0; 24], [255; 24], [7; 24]] {
            let key = ApiKey::from_random(bits);
            assert_eq!(key.as_str().len(), LENGTH);
            assert!(is_base62(key.as_str().strip_prefix("fx_").unwrap().as_bytes()));
        }
        let zero = ApiKey::from_random([0; 24]);
        assert_eq!(&zero.as_str()[..36], format!("fx_{}", "0".repeat(33)));
    }

    #[test]
    fn a_key_does_not_print() {
        assert_eq!(format!("{:?}", ApiKey::from_random([1; 24])), "ApiKey(..)");
    }

    #[test]
    fn keys_from_elsewhere_are_foreign() {
        for key in ["", "f", "fx", "FX_0", "abc", "ghp_0123"] {
            assert_eq!(Shape::of(key.as_bytes()), Shape::Foreign, "{key}");
        }
    }

    #[test]
    fn a_key_that_is_cut_or_continued_is_mistyped() {
        let key = ApiKey::from_random([9; 24]);
        for length in 3..LENGTH {
            assert_eq!(Shape::of(&key.as_str().as_bytes()[..length]), Shape::Mistyped, "{length}");
        }
        assert_eq!(Shape::of(format!("{}0", key.as_str()).as_bytes()), Shape::Mistyped);
    }

    #[test]
    fn a_checksum_does_not_make_up_for_another_alphabet() {
        let mut key = format!("fx_{}", "-".repeat(RANDOM_DIGITS));
        key.extend(checksum(key.as_bytes()));
        assert_eq!(Shape::of(key.as_bytes()), Shape::Mistyped);
    }

    proptest! {
        #[test]
        fn different_bits_make_different_keys_of_our_shape(a: [u8; 24], b: [u8; 24]) {
            let (one, other) = (ApiKey::from_random(a), ApiKey::from_random(b));
            prop_assert_eq!(one == other, a == b);
            prop_assert_eq!(Shape::of(one.as_str().as_bytes()), Shape::Ours);
            prop_assert_eq!(one.sha256(), KeyDigest::of(one.as_str().as_bytes()));
        }

        /// A CRC-32 finds every error within 32 bits that follow each other, so also two neighbours that changed places.
        #[test]
        fn a_wrong_character_is_mistyped(bits: [u8; 24], place in 3..LENGTH, byte: u8) {
            let mut key = ApiKey::from_random(bits).as_str().as_bytes().to_vec();
            prop_assume!(key[place] != byte);
            key[place] = byte;
            prop_assert_eq!(Shape::of(&key), Shape::Mistyped);
        }

        #[test]
        fn neighbours_that_changed_places_are_mistyped(bits: [u8; 24], place in 3..LENGTH - 1) {
            let mut key = ApiKey::from_random(bits).as_str().as_bytes().to_vec();
            prop_assume!(key[place] != key[place + 1]);
            key.swap(place, place + 1);
            prop_assert_eq!(Shape::of(&key), Shape::Mistyped);
        }
    }
}
