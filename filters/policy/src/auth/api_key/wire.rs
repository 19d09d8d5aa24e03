//! The records of a key set: blocks of 48-byte records, in JSON as base64.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::KeyDigest;

/// Bytes of a record: the digest and four numbers of 32 bits, most significant byte first. It is 64 characters of
/// base64, so no record shares a character with the next.
pub(super) const RECORD: usize = 48;

/// Records in every block but the last. Blocks of one size are what an allocator can use again, whatever their number.
pub(super) const IN_BLOCK: usize = 1_024;

/// Where a key's consumer is, and what the key is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) sha256: KeyDigest,
    pub(super) consumer: u32,
    pub(super) terms: u32,
    /// The first second that the key is good for; 0 for any.
    pub(super) not_before: u32,
    /// The first second that it is no longer; the greatest number for never.
    pub(super) expires: u32,
}

impl Record {
    pub(super) fn to_bytes(self) -> [u8; RECORD] {
        let numbers = [self.consumer, self.terms, self.not_before, self.expires].map(u32::to_be_bytes);
        let mut bytes = [0; RECORD];
        for (to, from) in bytes.iter_mut().zip(self.sha256.0.iter().chain(numbers.as_flattened())) {
            *to = *from;
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (sha256, numbers) = bytes.split_first_chunk()?;
        let (numbers, _) = numbers.as_chunks();
        let [consumer, terms, not_before, expires] =
            <[[u8; 4]; 4]>::try_from(numbers).ok()?.map(u32::from_be_bytes);
        Some(Self { sha256: KeyDigest(*sha256), consumer, terms, not_before, expires })
    }
}

/// Records in the order of their digests.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Block(Box<[u8]>);

impl Block {
    /// A block of these records.
    pub(super) fn new(records: &[Record]) -> Self {
        Self(records.iter().flat_map(|record| record.to_bytes()).collect())
    }

    /// How many records it has.
    pub(super) fn len(&self) -> usize {
        self.0.len() / RECORD
    }

    /// A record by its index.
    pub(super) fn get(&self, index: usize) -> Option<Record> {
        Record::from_bytes(self.0.chunks_exact(RECORD).nth(index)?)
    }

    /// The first 64 bits of a record's digest, which order records nearly always.
    pub(super) fn prefix(&self, index: usize) -> Option<u64> {
        let (prefix, _) = self.0.chunks_exact(RECORD).nth(index)?.split_first_chunk()?;
        Some(u64::from_be_bytes(*prefix))
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Block({} keys)", self.len())
    }
}

impl Serialize for Block {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Block {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Base64)
    }
}

/// Decodes straight out of the parser's buffer.
struct Base64;

impl de::Visitor<'_> for Base64 {
    type Value = Block;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("records in base64")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Block, E> {
        let bytes =
            URL_SAFE_NO_PAD.decode(text).map_err(|_| E::custom("must be base64url without padding"))?;
        let records = bytes.len() / RECORD;
        if !bytes.len().is_multiple_of(RECORD) || records == 0 || records > IN_BLOCK {
            return Err(E::custom(format!("must hold 1 to {IN_BLOCK} records of {RECORD} bytes")));
        }
        Ok(Block(bytes.into_boxed_slice()))
    }
}
