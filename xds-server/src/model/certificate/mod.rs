//! Certificates with their keys.

mod chain;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use self::chain::Chain;
pub use self::chain::Expiry;
use super::{
    CertificateName, HostPattern,
    problem::{Problem, RowCheck},
};
use crate::{
    secrets::{Keyring, Place, Secret, SecretError},
    store::{CertificateRow, Rows},
};

/// A certificate that Envoy can show: its key is its own, and it has DNS names by which clients ask for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its name.
    pub name: CertificateName,
    /// PEM: the certificate itself, then what leads from it to a root.
    pub chain: String,
    /// The key in PEM form.
    pub private_key: Secret,
    /// The DNS names among its subject alternative names, at least one: whole ones, or `*.` and a name.
    pub dns_names: BTreeSet<HostPattern>,
    /// When it expires. It may have expired since its row was written.
    pub expiry: Expiry,
}

/// Why a chain and a key are no certificate for a listener.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Unfit {
    /// What is wrong: `name`, `chain`, `private_key` or `not_after`.
    pub field: &'static str,
    /// Why. Never shows anything of the key.
    pub reason: String,
}

const TABLE: &str = "certificates";

impl Certificate {
    /// Checks a chain and a key, both in PEM form: of RSA or ECDSA, the key in PKCS#8, PKCS#1 or SEC1.
    ///
    /// # Errors
    /// When they do not belong together or are nothing that Envoy can show.
    pub fn new(name: &str, chain: String, private_key: Secret) -> Result<Self, Unfit> {
        let unfit = |field| move |reason| Unfit { field, reason };
        let name = CertificateName::parse(name).map_err(unfit("name"))?;
        let Chain { certificates, dns_names, expiry } = Chain::parse(&chain).map_err(unfit("chain"))?;
        chain::check_key(certificates, private_key.expose()).map_err(unfit("private_key"))?;
        Ok(Self { name, chain, private_key, dns_names, expiry })
    }

    /// Checks a row, and decrypts its key.
    ///
    /// # Errors
    /// When it holds no such certificate, or none of the keys decrypts it.
    pub fn from_row(row: &CertificateRow, keyring: &Keyring) -> Result<Self, Unfit> {
        let unfit = |field, reason| Unfit { field, reason };
        let private_key = decrypt(row, keyring).map_err(|reason| unfit("private_key", reason))?;
        let certificate = Self::new(&row.name, row.chain.clone(), private_key)?;
        let expiry = &certificate.expiry;
        if row.not_after != expiry.to_string() {
            let reason = format!("'{}' is not {expiry}, which the certificate says", row.not_after);
            return Err(unfit("not_after", reason));
        }
        Ok(certificate)
    }

    /// The certificate as a row, with its key encrypted.
    ///
    /// # Errors
    /// When there is no key to encrypt with.
    pub fn to_row(&self, keyring: &Keyring) -> Result<CertificateRow, SecretError> {
        let name = self.name.to_string();
        let private_key = keyring.encrypt(place(&name), &self.private_key)?;
        Ok(CertificateRow {
            chain: self.chain.clone(),
            private_key: private_key.iter().map(|byte| format!("{byte:02x}")).collect(),
            not_after: self.expiry.to_string(),
            name,
        })
    }

    /// The DNS names of a chain, without a look at any key.
    ///
    /// # Errors
    /// When it is no chain of a certificate for a listener.
    pub fn dns_names(chain: &str) -> Result<Vec<String>, String> {
        Ok(Chain::parse(chain)?.dns_names.iter().map(ToString::to_string).collect())
    }
}

/// What binds an encrypted key to its row.
fn place(name: &str) -> Place<'_> {
    Place { table: TABLE, row: name }
}

impl fmt::Debug for Certificate {
    /// Without the chain, which is long, and without the key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Certificate")
            .field("name", &self.name)
            .field("dns_names", &self.dns_names)
            .field("expiry", &self.expiry)
            .finish_non_exhaustive()
    }
}

pub(super) fn parse_all(
    rows: &Rows,
    keyring: &Keyring,
    problems: &mut Vec<Problem>,
) -> BTreeMap<CertificateName, Arc<Certificate>> {
    let mut certificates = BTreeMap::new();
    for row in &rows.certificates {
        let mut check = RowCheck::new(TABLE, &row.name, problems);
        match Certificate::from_row(row, keyring) {
            Err(Unfit { field, reason }) => check.refuse(field, reason),
            Ok(certificate) => {
                if certificates.insert(certificate.name.clone(), Arc::new(certificate)).is_some() {
                    check.refuse("name", "stands twice");
                }
            }
        }
    }
    certificates
}

fn decrypt(row: &CertificateRow, keyring: &Keyring) -> Result<Secret, String> {
    let ciphertext = unhex(&row.private_key).ok_or("must be pairs of hex digits")?;
    keyring.decrypt(place(&row.name), &ciphertext).map_err(|error| error.to_string())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests;
