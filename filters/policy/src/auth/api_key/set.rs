//! All keys of a gateway in the form that is shipped, and looked up in as it is.

use serde::{Deserialize, Serialize};

use super::{
    KeyDigest,
    wire::{Block, IN_BLOCK, Record},
};
use crate::{Check, Invalid, auth::check_scope, invalid::check_each};

/// Any number of keys, made by [`KeySet::pack`] and not by hand.
///
/// A key is a record of 48 bytes; names of consumers, and what keys are good for, stand once each. Everything is in blocks of
/// at most 64 KiB, so that a filter's memory does not come to pieces when one set takes the place of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KeySet {
    /// Names of the consumers, separated by spaces, in texts of at most 65,535 bytes.
    pub(super) consumers: Vec<Box<str>>,
    /// What keys are good for, each combination once.
    pub(super) terms: Vec<Terms>,
    /// The keys in the order of their digests, in texts of 1,024 records each, the last of at most as many. A record has 48 bytes, as
    /// 64 characters of base64url: the SHA-256; then four numbers of 32 bits, most significant byte first: the consumer (which text, times 65,536,
    /// plus the name's offset in it), the index in `terms`, the first second that the key is good for (0: any), the first that it is not
    /// (4,294,967,295: never), in seconds since 1970.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub(super) records: Vec<Block>,
}

/// What some keys are good for.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The scopes that the keys have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Names of the routes that they are good for. Empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    /// Whether they are switched off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

/// A key that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldKey<'s> {
    /// Its digest.
    pub sha256: KeyDigest,
    /// Name of the consumer who holds it.
    pub consumer: &'s str,
    /// What it is good for.
    pub terms: &'s Terms,
    not_before: u32,
    expires: u32,
}

impl HeldKey<'_> {
    /// Whether it is not good at all times.
    #[must_use]
    pub fn has_times(&self) -> bool {
        self.not_before > 0 || self.expires < u32::MAX
    }

    /// Whether it is not good yet at a time in seconds since 1970.
    #[must_use]
    pub fn is_early(&self, now: f64) -> bool {
        now < f64::from(self.not_before)
    }

    /// Whether it is no longer good at a time in seconds since 1970.
    #[must_use]
    pub fn has_expired(&self, now: f64) -> bool {
        self.expires != u32::MAX && now >= f64::from(self.expires)
    }
}

impl KeySet {
    /// How many keys it has.
    #[must_use]
    pub fn len(&self) -> usize {
        let full = self.records.len().saturating_sub(1) * IN_BLOCK;
        full + self.records.last().map_or(0, Block::len)
    }

    /// Whether it has no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The key of this digest.
    ///
    /// What the search compares are the first 64 bits of digests, and who measures it learns which of them are near those of a
    /// guess: from bits of a digest no key can be made. The whole digest is compared in constant time.
    #[must_use]
    pub fn find(&self, sha256: &KeyDigest) -> Option<HeldKey<'_>> {
        let (prefix, _) = sha256.0.split_first_chunk()?;
        let prefix = u64::from_be_bytes(*prefix);
        let alike = (self.first_from(prefix)..)
            .map_while(|index| self.record(index))
            .take_while(|record| record.sha256.0.starts_with(&prefix.to_be_bytes()));
        let record = alike.into_iter().find(|record| record.sha256.equals(sha256))?;
        Some(HeldKey {
            sha256: record.sha256,
            consumer: self.consumer(record.consumer)?,
            terms: self.terms.get(usize::try_from(record.terms).ok()?)?,
            not_before: record.not_before,
            expires: record.expires,
        })
    }

    /// The first record whose digest does not begin with less.
    fn first_from(&self, prefix: u64) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.prefix(middle) {
                Some(found) if found < prefix => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    fn prefix(&self, index: usize) -> Option<u64> {
        self.records.get(index / IN_BLOCK)?.prefix(index % IN_BLOCK)
    }

    fn record(&self, index: usize) -> Option<Record> {
        self.records.get(index / IN_BLOCK)?.get(index % IN_BLOCK)
    }

    fn consumer(&self, place: u32) -> Option<&str> {
        let text = self.consumers.get(usize::try_from(place >> 16).ok()?)?;
        let start = usize::try_from(place & 0xffff).ok()?;
        let before = start.checked_sub(1).map(|before| text.as_bytes().get(before));
        if before.is_some_and(|before| before != Some(&b' ')) {
            return None;
        }
        text.get(start..)?.split(' ').next().filter(|name| !name.is_empty())
    }
}

impl Check for Terms {
    fn check(&self) -> Result<(), Invalid> {
        for (index, scope) in self.scopes.iter().enumerate() {
            check_scope(scope).map_err(|reason| Invalid::new(format!("scopes[{index}]"), reason))?;
        }
        match self.routes.iter().position(String::is_empty) {
            Some(index) => Err(Invalid::new(format!("routes[{index}]"), "must not be empty")),
            None => Ok(()),
        }
    }
}

impl Check for KeySet {
    fn check(&self) -> Result<(), Invalid> {
        check_each("terms", &self.terms)?;
        let name = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        for (index, text) in self.consumers.iter().enumerate() {
            if text.is_empty() || text.len() > usize::from(u16::MAX) || !text.bytes().all(name) {
                let reason = "must be 1 to 65535 bytes of printable ASCII";
                return Err(Invalid::new(format!("consumers[{index}]"), reason));
            }
        }
        let blocks = self.records.split_last().map_or(&[][..], |(_, others)| others);
        if let Some(block) = blocks.iter().position(|block| block.len() != IN_BLOCK) {
            return Err(Invalid::new(format!("records[{block}]"), format!("must hold {IN_BLOCK} records")));
        }
        self.check_records()
    }
}

impl KeySet {
    fn check_records(&self) -> Result<(), Invalid> {
        let mut last = None;
        for index in 0..self.len() {
            let wrong = |reason: &str| {
                let (block, record) = (index / IN_BLOCK, index % IN_BLOCK);
                Invalid::new(format!("records[{block}]"), format!("record {record}: {reason}"))
            };
            let record = self.record(index).ok_or_else(|| wrong("is not there"))?;
            if last.replace(record.sha256) >= Some(record.sha256) {
                return Err(wrong("must have a greater digest than the one before"));
            }
            if self.consumer(record.consumer).is_none() {
                return Err(wrong("has no consumer"));
            }
            if usize::try_from(record.terms).map_or(true, |terms| terms >= self.terms.len()) {
                return Err(wrong("has no terms"));
            }
            if record.not_before >= record.expires {
                return Err(wrong("must expire after it begins"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
