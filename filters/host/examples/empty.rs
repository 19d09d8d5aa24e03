//! A filter that does nothing: what is left when all is optimised.

use std::io::Read;

use ferrox_host::{Host, Plugin, Stream};

/// The filter.
#[derive(Debug)]
pub struct Empty;

impl Plugin for Empty {
    type Stream = Self;

    fn configure(_host: &dyn Host, _configuration: impl Read) -> Result<Self, String> {
        Ok(Self)
    }

    fn open(&self) -> Self {
        Self
    }
}

impl Stream for Empty {}

ferrox_host::plugin!(Empty);
