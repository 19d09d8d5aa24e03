//! The network that a client's address stands for.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ferrox_policy::rate_limit::Limit;

/// The network of an address by as many bits as the limit says; an address that is none of IP stays as it is.
pub(crate) fn network<'a>(address: &'a [u8], limit: &Limit) -> Cow<'a, [u8]> {
    let Some(ip) = std::str::from_utf8(address).ok().and_then(|text| text.parse::<IpAddr>().ok()) else {
        return Cow::Borrowed(address);
    };
    // An IPv4 client on an IPv6 socket is the same client (RFC 4291 section 2.5.5.2).
    let network = match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let bits = u32::from(limit.ipv4_bits).min(32);
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            format!("{}/{bits}", Ipv4Addr::from_bits(ip.to_bits() & mask))
        }
        IpAddr::V6(ip) => {
            let bits = u32::from(limit.ipv6_bits).min(128);
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            format!("{}/{bits}", Ipv6Addr::from_bits(ip.to_bits() & mask))
        }
    };
    Cow::Owned(network.into_bytes())
}
