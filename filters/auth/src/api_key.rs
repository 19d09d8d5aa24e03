//! Whose API keys are known.

use std::{collections::HashMap, rc::Rc};

use ferrox_policy::{Invalid, auth::Consumer};
use sha2::{Digest, Sha256};

type KeyDigest = [u8; 32];

/// The consumers by the SHA-256 of each of their keys.
///
/// The time of a look-up is no oracle: what is compared are digests, and who measures how far the digest of a
/// guess agrees with a stored one learns bits of a digest, from which no key can be made. The map's own hashes are
/// seeded at random.
#[derive(Debug)]
pub(crate) struct ApiKeys(HashMap<KeyDigest, Rc<Consumer>>);

impl ApiKeys {
    /// Compiles the configured consumers.
    ///
    /// # Errors
    /// The field, as `[i].key_sha256[j]`, and the reason.
    pub(crate) fn compile(consumers: &[Consumer]) -> Result<Self, Invalid> {
        let mut by_digest = HashMap::new();
        for (index, consumer) in consumers.iter().enumerate() {
            // The digests are the map's keys, no need to hold them twice.
            let holder = Rc::new(Consumer { key_sha256: Vec::new(), ..consumer.clone() });
            for (key, hex) in consumer.key_sha256.iter().enumerate() {
                let field = || format!("[{index}].key_sha256[{key}]");
                let digest =
                    from_hex(hex).ok_or_else(|| Invalid::new(field(), "must be 64 lower-case hex digits"))?;
                if by_digest.insert(digest, Rc::clone(&holder)).is_some() {
                    return Err(Invalid::new(field(), "stands twice"));
                }
            }
        }
        Ok(Self(by_digest))
    }

    /// The consumer who holds this key.
    pub(crate) fn holder(&self, key: &[u8]) -> Option<&Consumer> {
        let digest: KeyDigest = Sha256::digest(key).into();
        self.0.get(&digest).map(Rc::as_ref)
    }
}

fn from_hex(hex: &str) -> Option<KeyDigest> {
    let mut digest = KeyDigest::default();
    if hex.len() != 2 * digest.len() {
        return None;
    }
    for (byte, digits) in digest.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let [high, low] = digits else { return None };
        *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
    }
    Some(digest)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consumer(name: &str, keys: &[&str]) -> Consumer {
        let key_sha256 = keys.iter().map(|key| (*key).to_owned()).collect();
        Consumer { name: name.to_owned(), scopes: Vec::new(), key_sha256 }
    }

    // SHA-256 of "abc" and of the empty string (FIPS 180-2 appendix B.1 and the well-known one).
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_consumer_is_found_by_each_of_its_keys_and_by_no_other() {
        let keys = ApiKeys::compile(&[consumer("a", &[ABC, EMPTY]), consumer("b", &[])]).unwrap();
        for key in [&b"abc"[..], b""] {
            assert_eq!(keys.holder(key).map(|consumer| consumer.name.as_str()), Some("a"));
        }
        for key in [&b"ABC"[..], b"abc ", b"\xff", ABC.as_bytes()] {
            assert!(keys.holder(key).is_none());
        }
    }

    #[test]
    fn a_digest_that_is_none_or_stands_twice_is_refused_by_its_place() {
        let refusal = |consumers: &[Consumer]| ApiKeys::compile(consumers).unwrap_err().to_string();
        assert!(refusal(&[consumer("a", &[ABC, &ABC[2..]])]).starts_with("[0].key_sha256[1]: must be"));
        assert!(refusal(&[consumer("a", &[&ABC.to_uppercase()])]).starts_with("[0].key_sha256[0]: must be"));
        assert!(
            refusal(&[consumer("a", &[ABC]), consumer("b", &[ABC])]).starts_with("[1].key_sha256[0]: stands")
        );
    }
}
