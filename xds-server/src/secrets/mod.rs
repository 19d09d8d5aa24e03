//! Secrets at rest: what the database keeps of a private key is a ciphertext, bound to its row.
//!
//! A ciphertext is a version byte (1), the id of its key (the first four bytes of the key's SHA-256), a random nonce of
//! twelve bytes, and AES-256-GCM (NIST SP 800-38D) of the secret. The associated data name the table and the row, so
//! that a ciphertext copied to another row does not decrypt there.

mod key;
mod secret;

use std::str::FromStr;

pub use key::EncryptionKey;
pub use secret::Secret;

/// The only version of a ciphertext.
const VERSION: u8 = 1;
const ID_LENGTH: usize = 4;

/// The row that a secret belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The table.
    pub table: &'static str,
    /// The row, by its primary key.
    pub row: &'a str,
}

impl Place<'_> {
    /// Injective: no name in PostgreSQL holds a zero byte.
    fn associated_data(self) -> Vec<u8> {
        [self.table.as_bytes(), &[0], self.row.as_bytes()].concat()
    }
}

/// The encryption keys: the first encrypts, all decrypt, so that a key can be replaced without a gap.
#[derive(Debug, Clone, Default)]
pub struct Keyring(Vec<EncryptionKey>);

/// Why something is no secret, or cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is no key to encrypt with.
    #[error("there is no encryption key: FERROX_ENCRYPTION_KEYS is not set")]
    NoKey,
    /// The keyring cannot be read. The key is told by its place alone.
    #[error("key {0} is not 32 bytes in base64")]
    Key(usize),
    /// It was not made by [`Keyring::encrypt`].
    #[error("is no ciphertext of this version of ferrox")]
    Form,
    /// None of the keys has this id.
    #[error("was encrypted with key {id}, which is not among FERROX_ENCRYPTION_KEYS")]
    UnknownKey {
        /// The id in hex.
        id: String,
    },
    /// The ciphertext was changed, or belongs to another row.
    #[error("does not decrypt: it was changed, or made for a row of another name")]
    Tampered,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

impl Keyring {
    /// Encrypts the secret of a row.
    ///
    /// # Errors
    /// When there is no key, or the system gives no random bytes.
    pub fn encrypt(&self, place: Place<'_>, secret: &Secret) -> Result<Vec<u8>, SecretError> {
        let key = self.0.first().ok_or(SecretError::NoKey)?;
        let sealed = key.seal(&place.associated_data(), secret.expose())?;
        Ok([&[VERSION], key.id().as_slice(), &sealed].concat())
    }

    /// The secret of a row.
    ///
    /// # Errors
    /// When it is none, or none of the keys decrypts it for this row.
    pub fn decrypt(&self, place: Place<'_>, ciphertext: &[u8]) -> Result<Secret, SecretError> {
        let sealed = ciphertext.strip_prefix(&[VERSION]).ok_or(SecretError::Form)?;
        let (id, sealed) = sealed.split_first_chunk::<ID_LENGTH>().ok_or(SecretError::Form)?;
        if self.0.is_empty() {
            return Err(SecretError::NoKey);
        }
        let mut keys = self.0.iter().filter(|key| key.id() == *id).peekable();
        if keys.peek().is_none() {
            return Err(SecretError::UnknownKey {
                id: id.iter().map(|byte| format!("{byte:02x}")).collect(),
            });
        }
        // Two keys may have one id.
        keys.find_map(|key| key.open(&place.associated_data(), sealed))
            .map(Secret::from)
            .ok_or(SecretError::Tampered)
    }
}

impl FromStr for Keyring {
    type Err = SecretError;

    /// Parses keys separated by commas, each 32 bytes in base64.
    fn from_str(text: &str) -> Result<Self, SecretError> {
        let keys = text.split(',').map(str::trim).enumerate();
        let keys = keys.map(|(index, key)| EncryptionKey::parse(key).ok_or(SecretError::Key(index + 1)));
        keys.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests;
