//! Whence the address of a client is known. Limits count by it, so nobody may forge it: a listener that believes what
//! a proxy says takes connections from proxies that it names and from nobody else.

use std::{fmt, net::IpAddr, num::NonZeroU32};

use crate::{model::problem::RowCheck, store::ListenerRow};

/// Whence the address of a client is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAddress {
    /// It is that of who connects.
    Peer,
    /// From `X-Forwarded-For`: the so-manyth address from its end, which is what the outermost of so many proxies has seen.
    /// In a header with fewer addresses, it is that of who connects.
    ForwardedFor(NonZeroU32),
    /// From the PROXY header, version 1 or 2, with which each connection must begin.
    ProxyProtocol,
}

/// A network: an address and how many of its first bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cidr {
    /// An address of it.
    pub address: IpAddr,
    /// 0 to 32, or to 128 for IPv6.
    pub prefix_length: u8,
}

impl Cidr {
    /// Parses an address, a slash and a number of bits.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(address, length)| {
            Some(Self { address: address.parse().ok()?, prefix_length: length.parse().ok()? })
        });
        let longest = |cidr: &Self| if cidr.address.is_ipv4() { 32 } else { 128 };
        parsed
            .filter(|cidr| cidr.prefix_length <= longest(cidr))
            .ok_or_else(|| format!("'{}' is no network such as 10.0.0.0/8", text.escape_debug()))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix_length)
    }
}

pub(super) fn parse(row: &ListenerRow, check: &mut RowCheck<'_>) -> Option<ClientAddress> {
    let hops = NonZeroU32::new(check.number("trusted_hops", row.trusted_hops, 0..=16)?);
    let source = match (hops, row.proxy_protocol) {
        (None, false) => return Some(ClientAddress::Peer),
        (Some(hops), false) => ClientAddress::ForwardedFor(hops),
        (None, true) => ClientAddress::ProxyProtocol,
        (Some(_), true) => {
            // Whoever a PROXY header speaks for is not known to be a proxy, and so may write any X-Forwarded-For.
            check.refuse("trusted_hops", "must be 0 with proxy_protocol");
            return None;
        }
    };
    if row.trusted_proxies.is_empty() {
        check.refuse(
            "trusted_proxies",
            "must name the proxies whose word is taken for the client's address; '0.0.0.0/0' and '::/0' are anybody",
        );
        return None;
    }
    Some(source)
}
