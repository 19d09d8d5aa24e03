//! A stored answer as bytes, and its age.
//!
//! The encoding: 4 bytes that name format and version; 8 bytes of checksum over all that follows; then the full
//! key, the times, the status, the headers and the body. Numbers are little-endian, and whatever has a length
//! carries it as a `u64`. Anything else than a whole, undamaged entry is not an entry.

use std::time::SystemTime;

use sha2::{Digest, Sha256};

/// Format and version. A change of the encoding changes it, and every old entry becomes a miss.
const MAGIC: [u8; 4] = *b"FXC\x01";

/// An answer as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The full key, to be compared with the request's: the entry's name is only a digest of it.
    pub(crate) key: Vec<u8>,
    /// When the answer's headers came, in milliseconds since 1970.
    pub(crate) stored_at_ms: u64,
    /// How old the answer was then, in milliseconds: `corrected_age_value` of RFC 9111 section 4.2.3.
    pub(crate) initial_age_ms: u64,
    /// Age at which it stops being fresh, in seconds.
    pub(crate) lifetime_seconds: u64,
    /// `:status`.
    pub(crate) status: u16,
    /// Headers in their order, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// Milliseconds since 1970; 0 for what is before.
pub(crate) fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Entry {
    /// The answer's age in whole seconds (RFC 9111 section 4.2.3). A clock behind the one that stored it adds nothing.
    pub(crate) fn age_seconds(&self, now_ms: u64) -> u64 {
        self.initial_age_ms.saturating_add(now_ms.saturating_sub(self.stored_at_ms)) / 1000
    }

    /// For how many more seconds the answer is fresh; `None` when it is not any more (RFC 9111 section 4.2).
    pub(crate) fn remaining_seconds(&self, now_ms: u64) -> Option<u64> {
        self.lifetime_seconds.checked_sub(self.age_seconds(now_ms)).filter(|remaining| *remaining > 0)
    }

    /// The entry as bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.body.len() + self.key.len() + 2048);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[0; 8]);
        put_bytes(&mut bytes, &self.key);
        put_number(&mut bytes, self.stored_at_ms);
        put_number(&mut bytes, self.initial_age_ms);
        put_number(&mut bytes, self.lifetime_seconds);
        put_number(&mut bytes, u64::from(self.status));
        put_number(&mut bytes, self.headers.len() as u64);
        for (name, value) in &self.headers {
            put_bytes(&mut bytes, name.as_bytes());
            put_bytes(&mut bytes, value.as_bytes());
        }
        put_bytes(&mut bytes, &self.body);
        let sum = checksum(bytes.get(MAGIC.len() + 8..).unwrap_or_default());
        if let Some(place) = bytes.get_mut(MAGIC.len()..MAGIC.len() + 8) {
            place.copy_from_slice(&sum);
        }
        bytes
    }

    /// Reads what [`Entry::encode`] wrote; `None` for anything else, be it damaged, cut short or of another version.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (sum, content) = bytes.strip_prefix(&MAGIC)?.split_at_checked(8)?;
        if checksum(content) != sum {
            return None;
        }
        let mut reader = Reader(content);
        let entry = Self {
            key: reader.bytes()?.to_vec(),
            stored_at_ms: reader.number()?,
            initial_age_ms: reader.number()?,
            lifetime_seconds: reader.number()?,
            status: u16::try_from(reader.number()?).ok()?,
            headers: reader.headers()?,
            body: reader.bytes()?.to_vec(),
        };
        reader.0.is_empty().then_some(entry)
    }
}

/// The first 8 bytes of the content's SHA-256: against damage, not against somebody who can write to Redis.
fn checksum(content: &[u8]) -> [u8; 8] {
    let mut sum = [0; 8];
    for (to, from) in sum.iter_mut().zip(Sha256::digest(content)) {
        *to = from;
    }
    sum
}

fn put_number(to: &mut Vec<u8>, number: u64) {
    to.extend_from_slice(&number.to_le_bytes());
}

fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    put_number(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

/// What is left to read. No length in it is believed before that many bytes were seen.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<String> {
        std::str::from_utf8(self.bytes()?).ok().map(str::to_owned)
    }

    fn headers(&mut self) -> Option<Vec<(String, String)>> {
        let count = self.number()?;
        let mut headers = Vec::new();
        for _ in 0..count {
            headers.push((self.text()?, self.text()?));
        }
        Some(headers)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry() -> Entry {
        Entry {
            key: b"k".to_vec(),
            stored_at_ms: 10_000,
            initial_age_ms: 2_500,
            lifetime_seconds: 60,
            status: 200,
            headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
            body: b"hello".to_vec(),
        }
    }

    #[test]
    fn age_is_what_it_was_plus_the_time_since() {
        assert_eq!(entry().age_seconds(10_000), 2);
        assert_eq!(entry().age_seconds(10_500), 3);
        assert_eq!(entry().age_seconds(9_000), 2, "a clock that is behind");
    }

    #[test]
    fn an_entry_is_fresh_until_its_lifetime() {
        assert_eq!(entry().remaining_seconds(10_000), Some(58));
        assert_eq!(entry().remaining_seconds(67_499), Some(1));
        assert_eq!(entry().remaining_seconds(67_500), None);
        assert_eq!(entry().remaining_seconds(u64::MAX), None);
    }

    /// Content that carries a right checksum, as damage before storing or another writer could leave it.
    fn sealed(content: &[u8]) -> Vec<u8> {
        [&MAGIC[..], &checksum(content), content].concat()
    }

    #[test]
    fn a_sealed_entry_with_more_or_less_in_it_is_none() {
        let bytes = entry().encode();
        let content = &bytes[12..];
        assert_eq!(Entry::decode(&sealed(content)), Some(entry()));
        assert_eq!(Entry::decode(&sealed(&[content, b"x"].concat())), None);
        for length in 0..content.len() {
            assert_eq!(Entry::decode(&sealed(&content[..length])), None, "{length}");
        }
    }

    #[test]
    fn no_length_and_no_count_is_believed() {
        let words = |words: &[u64]| -> Vec<u8> { words.iter().flat_map(|word| word.to_le_bytes()).collect() };
        let endless_key = words(&[u64::MAX, 0, 0, 60, 200, 0, 0]);
        let endless_headers = words(&[0, 0, 0, 60, 200, u64::MAX, 0]);
        let endless_body = words(&[0, 0, 0, 60, 200, 0, u64::MAX]);
        for content in [endless_key, endless_headers, endless_body] {
            assert_eq!(Entry::decode(&sealed(&content)), None);
        }
        assert!(Entry::decode(&sealed(&words(&[0, 0, 0, 60, 200, 0, 0]))).is_some());
    }

    #[test]
    fn another_version_is_no_entry() {
        let mut bytes = entry().encode();
        bytes[3] = 2;
        assert_eq!(Entry::decode(&bytes), None);
    }

    prop_compose! {
        fn any_entry()(
            key in prop::collection::vec(any::<u8>(), 0..40), stored_at_ms in any::<u64>(),
            initial_age_ms in any::<u64>(), lifetime_seconds in any::<u64>(), status in any::<u16>(),
            headers in prop::collection::vec(("[a-z-]{0,8}", ".{0,8}"), 0..5),
            body in prop::collection::vec(any::<u8>(), 0..200),
        ) -> Entry {
            Entry { key, stored_at_ms, initial_age_ms, lifetime_seconds, status, headers, body }
        }
    }

    proptest! {
        #[test]
        fn an_entry_survives_the_store(entry in any_entry()) {
            prop_assert_eq!(Entry::decode(&entry.encode()), Some(entry));
        }

        #[test]
        fn a_flipped_byte_is_noticed(entry in any_entry(), place in any::<prop::sample::Index>(), flip in 1..=255_u8) {
            let mut bytes = entry.encode();
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
            prop_assert_eq!(Entry::decode(&bytes), None);
        }

        #[test]
        fn a_cut_entry_is_noticed(entry in any_entry(), length in any::<prop::sample::Index>()) {
            let bytes = entry.encode();
            prop_assert_eq!(Entry::decode(&bytes[..length.index(bytes.len())]), None);
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(Entry::decode(&bytes), None);
        }

        /// Behind the checksum too: no length is believed.
        #[test]
        fn any_content_is_read_without_harm(words in prop::collection::vec(prop_oneof![0..9_u64, any::<u64>()], 0..20)) {
            let content: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            if let Some(entry) = Entry::decode(&sealed(&content)) {
                prop_assert_eq!(entry.encode(), sealed(&content));
            }
        }

        #[test]
        fn no_clock_breaks_the_age(entry in any_entry(), now in any::<u64>()) {
            prop_assert!(entry.remaining_seconds(now).is_none_or(|left| left <= entry.lifetime_seconds));
        }
    }
}
