//! The network that a client's address stands for.

use std::{borrow::Cow, net::IpAddr};

use ferrox_policy::{network::Network, rate_limit::Limit};

/// The network of an address by as many bits as the limit says; an address that is none of IP stays as it is.
pub(crate) fn network<'a>(address: &'a [u8], limit: &Limit) -> Cow<'a, [u8]> {
    let Some(ip) = std::str::from_utf8(address).ok().and_then(|text| text.parse::<IpAddr>().ok()) else {
        return Cow::Borrowed(address);
    };
    let bits = if ip.to_canonical().is_ipv4() { limit.ipv4_bits } else { limit.ipv6_bits };
    Cow::Owned(Network::of(ip, bits).to_string().into_bytes())
}
