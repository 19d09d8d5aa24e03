//! Where the sidecar listens.

use std::{fmt, net::SocketAddr, str::FromStr};

/// Longest path of a Unix socket in bytes (unix(7): `sun_path`, without its end).
const LONGEST_PATH: usize = 107;

/// Where the sidecar listens, and Envoy connects to: `ip:port` or `unix:/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The absolute path of a Unix socket, at most 107 bytes.
    Unix(String),
}

/// The text is no [`Address`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be ip:port, or unix: and an absolute path of at most {LONGEST_PATH} bytes")]
pub struct InvalidAddress;

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        match text.strip_prefix("unix:") {
            None => text.parse().map(Self::Tcp).map_err(|_| InvalidAddress),
            Some(path) if path.starts_with('/') && path.len() <= LONGEST_PATH && !path.contains('\0') => {
                Ok(Self::Unix(path.to_owned()))
            }
            Some(_) => Err(InvalidAddress),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "unix:{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_as_it_is_written() {
        let longest = format!("unix:/{}", "a".repeat(106));
        for text in ["127.0.0.1:7379", "[::1]:7379", "unix:/run/ferrox/sidecar.sock", &longest] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("unix:/{}", "a".repeat(107));
        for text in
            ["", "127.0.0.1", "localhost:7379", "unix:", "unix:relative", "unix:/a\0b", "/run/s.sock", &long]
        {
            assert_eq!(text.parse::<Address>(), Err(InvalidAddress), "{text}");
        }
    }
}
