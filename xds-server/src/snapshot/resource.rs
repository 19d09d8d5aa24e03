//! One resource, encoded once for all streams.

use std::fmt;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::Kind;

/// An encoded resource.
#[derive(Clone, PartialEq, Eq)]
pub struct Resource {
    kind: Kind,
    name: String,
    version: String,
    encoded: Bytes,
}

impl Resource {
    /// A resource from its canonical encoding: the same content always gives the same bytes. prost encodes maps in
    /// a random order, so whoever encodes a message with a map of several entries has to order it.
    #[must_use]
    pub fn new(kind: Kind, name: impl Into<String>, encoded: impl Into<Bytes>) -> Self {
        let encoded = encoded.into();
        let version = Sha256::digest(&encoded).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { kind, name: name.into(), version, encoded }
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its name, unique in its kind.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What identifies its content.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The encoded message, without its type URL.
    #[must_use]
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }
}

impl fmt::Debug for Resource {
    /// Without the content, which may hold secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {}@{}", self.kind, self.name, self.version)
    }
}
