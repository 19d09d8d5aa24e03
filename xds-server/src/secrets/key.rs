//! One encryption key.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use sha2::{Digest, Sha256};

use super::{ID_LENGTH, SecretError};

const KEY_LENGTH: usize = 32;

/// An encryption key. It does not print.
#[derive(Clone)]
pub struct EncryptionKey {
    bytes: [u8; KEY_LENGTH],
    key: LessSafeKey,
}

impl EncryptionKey {
    /// A new key.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, SecretError> {
        Self::new(random()?).ok_or(SecretError::Random)
    }

    /// Parses 32 bytes in base64.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::new(STANDARD.decode(text).ok()?.try_into().ok()?)
    }

    fn new(bytes: [u8; KEY_LENGTH]) -> Option<Self> {
        let key = UnboundKey::new(&AES_256_GCM, &bytes).ok()?;
        Some(Self { bytes, key: LessSafeKey::new(key) })
    }

    /// The key in base64: the secret itself, to be kept.
    #[must_use]
    pub fn expose(&self) -> String {
        STANDARD.encode(self.bytes)
    }

    /// What tells it from other keys, and tells nothing of it.
    pub(super) fn id(&self) -> [u8; ID_LENGTH] {
        let [a, b, c, d, ..]: [u8; KEY_LENGTH] = Sha256::digest(self.bytes).into();
        [a, b, c, d]
    }

    /// A nonce and what is encrypted under it. Nonces are random, which is safe for 2^32 secrets of one key (NIST SP
    /// 800-38D section 8.3).
    pub(super) fn seal(&self, associated: &[u8], secret: &[u8]) -> Result<Vec<u8>, SecretError> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut sealed = secret.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(associated), &mut sealed)
            // Only of gigabytes it cannot be done.
            .map_err(|_| SecretError::Form)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    pub(super) fn open(&self, associated: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let secret = self.key.open_in_place(nonce, Aad::from(associated), &mut sealed).ok()?;
        Some(secret.to_vec())
    }
}

fn random<const N: usize>() -> Result<[u8; N], SecretError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SecretError::Random)?;
    Ok(bytes)
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EncryptionKey(…)")
    }
}
