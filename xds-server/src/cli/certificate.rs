//! `ferrox certificate`: certificates that listeners show to clients, and Envoys to upstreams.

use std::{fs, io, path::PathBuf, time::SystemTime};

use clap::{Args, Subcommand};

use super::{CliError, Database, EncryptionKeys};
use crate::{
    model::{self, Unfit},
    secrets::{Secret, SecretError},
    store::CertificateRow,
};

#[derive(Debug, Subcommand)]
pub(super) enum Certificate {
    /// Add a certificate, or put it in the place of that of its name
    Put(Put),
    /// List the certificates: name, DNS names and expiry
    List(List),
    /// Remove a certificate that no listener and no upstream uses
    Remove(Remove),
    /// Encrypt the keys of all certificates with the first encryption key
    Reencrypt(Reencrypt),
}

#[derive(Debug, Args)]
pub(super) struct Put {
    /// Name of the certificate, by which listeners and upstreams refer to it
    name: String,
    /// PEM file of the certificate, and then of what leads from it to a root
    #[arg(long, value_name = "FILE")]
    chain: PathBuf,
    /// PEM file of its private key, not encrypted: PKCS#8, PKCS#1 or SEC1
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    encryption_keys: EncryptionKeys,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    database: Database,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// Name of the certificate
    name: String,
    #[command(flatten)]
    database: Database,
}

#[derive(Debug, Args)]
pub(super) struct Reencrypt {
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    encryption_keys: EncryptionKeys,
}

/// Why nothing was done with a certificate. Never shows anything of a key.
#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    #[error("file {} cannot be read: {reason}", .file.display())]
    Unreadable { file: PathBuf, reason: io::Error },
    #[error("file {} {reason}", .file.display())]
    Unfit { file: PathBuf, reason: String },
    #[error("'{name}' expired at {at}")]
    Expired { name: String, at: String },
    #[error("certificate '{name}': {reason}")]
    Row { name: String, reason: String },
    #[error("there is no certificate '{0}'")]
    Unknown(String),
    #[error("certificate '{name}' is used by {}", .users.join(", "))]
    Used { name: String, users: Vec<String> },
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl Certificate {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self {
            Self::Put(put) => put.run().await,
            Self::List(list) => list.run().await,
            Self::Remove(remove) => remove.run().await,
            Self::Reencrypt(reencrypt) => reencrypt.run().await,
        }
    }
}

impl Put {
    async fn run(self) -> Result<(), CliError> {
        let certificate = self.certificate()?;
        let keyring = self.encryption_keys.keyring()?;
        let row = certificate.to_row(&keyring).map_err(CertificateError::from)?;
        self.database.store()?.put_certificate(&row).await?;
        println!("{}", line(&certificate));
        Ok(())
    }

    fn certificate(&self) -> Result<model::Certificate, CertificateError> {
        let not_text =
            || CertificateError::Unfit { file: self.chain.clone(), reason: "is no text".to_owned() };
        let chain = String::from_utf8(read(&self.chain)?).map_err(|_| not_text())?;
        let key = Secret::from(read(&self.key)?);
        let certificate =
            model::Certificate::new(&self.name, bare(&chain), key).map_err(|unfit| self.unfit(unfit))?;
        let expiry = &certificate.expiry;
        match u64::try_from(expiry.seconds()).is_ok_and(|seconds| seconds > now()) {
            true => Ok(certificate),
            false => Err(CertificateError::Expired { name: self.name.clone(), at: expiry.to_string() }),
        }
    }

    fn unfit(&self, Unfit { field, reason }: Unfit) -> CertificateError {
        match field {
            "chain" => CertificateError::Unfit { file: self.chain.clone(), reason },
            "private_key" => CertificateError::Unfit { file: self.key.clone(), reason },
            _ => CertificateError::Row { name: self.name.clone(), reason },
        }
    }
}

/// PEM from its first block on: tools write a summary before it.
fn bare(pem: &str) -> String {
    pem.find("-----BEGIN ").and_then(|begin| pem.get(begin..)).unwrap_or(pem).to_owned()
}

fn read(file: &PathBuf) -> Result<Vec<u8>, CertificateError> {
    fs::read(file).map_err(|reason| CertificateError::Unreadable { file: file.clone(), reason })
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn line(certificate: &model::Certificate) -> String {
    let names: Vec<_> = certificate.dns_names.iter().map(ToString::to_string).collect();
    format!("{}\t{}\t{}", certificate.name, names.join(","), certificate.expiry)
}

impl List {
    async fn run(self) -> Result<(), CliError> {
        for CertificateRow { name, chain, not_after, .. } in self.database.store()?.certificates().await? {
            let names = model::Certificate::dns_names(&chain)
                .map_err(|reason| CertificateError::Row { name: name.clone(), reason })?;
            println!("{name}\t{}\t{not_after}", names.join(","));
        }
        Ok(())
    }
}

impl Remove {
    async fn run(self) -> Result<(), CliError> {
        let Self { name, database } = self;
        let store = database.store()?;
        let users = store.users_of_certificate(&name).await?;
        if !users.is_empty() {
            return Err(CertificateError::Used { name, users }.into());
        }
        match store.remove_certificate(&name).await? {
            true => Ok(()),
            false => Err(CertificateError::Unknown(name).into()),
        }
    }
}

impl Reencrypt {
    async fn run(self) -> Result<(), CliError> {
        let keyring = self.encryption_keys.keyring()?;
        let store = self.database.store()?;
        let rows = store.certificates().await?;
        // All or none: a key that is missing is told before anything is written.
        let anew = rows.iter().map(|row| {
            let certificate = model::Certificate::from_row(row, &keyring).map_err(|unfit| {
                CertificateError::Row { name: row.name.clone(), reason: unfit.to_string() }
            })?;
            Ok((row, certificate.to_row(&keyring)?))
        });
        for (before, after) in anew.collect::<Result<Vec<_>, CertificateError>>()? {
            // One that was replaced meanwhile is encrypted with the first key already.
            store.replace_private_key(before, &after.private_key).await?;
        }
        println!("{} certificates", rows.len());
        Ok(())
    }
}
