//! Random bytes for passwords and keys, new for each run.

use std::{fs::File, io::Read};

use crate::Error;

/// Bytes from the system's random source.
///
/// # Errors
/// When the system has none.
pub fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .map_err(Error::io("reading /dev/urandom"))?;
    Ok(bytes)
}

/// A password of 32 hex digits, which needs no quoting anywhere.
///
/// # Errors
/// As [`bytes()`].
pub fn password() -> Result<String, Error> {
    Ok(hex(&bytes::<16>()?))
}

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
