//! Reading discovery responses while they arrive.
//!
//! A thousand simulated proxies that each keep a response of megabytes would measure this machine's memory. So a
//! response is scanned piece by piece, and only what an answer needs is kept.

/// What an ACK needs to know of a `DiscoveryResponse` or `DeltaDiscoveryResponse`. These fields have the same numbers in
/// both.
#[derive(Debug)]
pub(crate) struct Summary {
    /// `version_info`, or `system_version_info`.
    pub(crate) version: String,
    /// `type_url`.
    pub(crate) type_url: String,
    /// `nonce`.
    pub(crate) nonce: String,
}

const VERSION: u64 = 1;
const TYPE_URL: u64 = 4;
const NONCE: u64 = 5;

/// Wire types (protobuf encoding, "Message Structure").
const VARINT: u64 = 0;
const LENGTH_DELIMITED: u64 = 2;

/// Takes the pieces of one message.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    state: State,
    varint: u64,
    shift: u32,
    version: Vec<u8>,
    type_url: Vec<u8>,
    nonce: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Key,
    /// A number of a field that does not count.
    Number,
    Length {
        field: u64,
    },
    Content {
        field: u64,
        left: u64,
    },
}

impl Scanner {
    /// Takes the next piece.
    ///
    /// # Errors
    /// When it is not protobuf, or not of the two messages.
    pub(crate) fn take(&mut self, mut piece: &[u8]) -> Result<(), String> {
        while let Some((&first, rest)) = piece.split_first() {
            if let State::Content { field, left } = self.state {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
                let (content, rest) = piece.split_at(here);
                self.keep(field, content);
                self.state = content_of(field, left - u64::try_from(here).unwrap_or(left));
                piece = rest;
                continue;
            }
            piece = rest;
            if let Some(number) = self.number(first)? {
                self.state = self.after(number)?;
            }
        }
        Ok(())
    }

    /// What the message said, once all of it was taken.
    ///
    /// # Errors
    /// When it is cut off or its strings are not UTF-8.
    pub(crate) fn finish(self) -> Result<Summary, String> {
        if self.state != State::Key || self.shift != 0 {
            return Err("a response is cut off".to_owned());
        }
        let text = |bytes| String::from_utf8(bytes).map_err(|error| error.to_string());
        Ok(Summary { version: text(self.version)?, type_url: text(self.type_url)?, nonce: text(self.nonce)? })
    }

    /// Seven bits of a number, the lowest first; the number when it is complete.
    fn number(&mut self, byte: u8) -> Result<Option<u64>, String> {
        if self.shift > 63 {
            return Err("a number is longer than ten bytes".to_owned());
        }
        self.varint |= u64::from(byte & 0x7f) << self.shift;
        self.shift += 7;
        if byte & 0x80 != 0 {
            return Ok(None);
        }
        self.shift = 0;
        Ok(Some(std::mem::take(&mut self.varint)))
    }

    fn after(&mut self, number: u64) -> Result<State, String> {
        match self.state {
            State::Key => match (number >> 3, number & 7) {
                (_, VARINT) => Ok(State::Number),
                (field, LENGTH_DELIMITED) => Ok(State::Length { field }),
                (field, wire_type) => Err(format!("field {field} has wire type {wire_type}")),
            },
            State::Length { field } => Ok(content_of(field, number)),
            State::Number | State::Content { .. } => Ok(State::Key),
        }
    }

    fn keep(&mut self, field: u64, content: &[u8]) {
        match field {
            VERSION => self.version.extend_from_slice(content),
            TYPE_URL => self.type_url.extend_from_slice(content),
            NONCE => self.nonce.extend_from_slice(content),
            _ => {}
        }
    }
}

fn content_of(field: u64, left: u64) -> State {
    if left == 0 { State::Key } else { State::Content { field, left } }
}
