//! Networks: addresses that begin with the same bits.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

/// Addresses that begin with the same bits (RFC 4632 section 3.1, RFC 4291 section 2.3), as `10.0.0.0/8`. An IPv4 address on an
/// IPv6 socket is an IPv4 address (RFC 4291 section 2.5.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// The network that an address is in with so many of its first bits, or with all if that are fewer.
    #[must_use]
    pub fn of(address: IpAddr, bits: u8) -> Self {
        let address = address.to_canonical();
        let bits = bits.min(length(address));
        let unset = u32::from(length(address) - bits);
        let address = match address {
            IpAddr::V4(ip) => IpAddr::V4((ip.to_bits() & u32::MAX.checked_shl(unset).unwrap_or(0)).into()),
            IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() & u128::MAX.checked_shl(unset).unwrap_or(0)).into()),
        };
        Self { address, bits }
    }

    /// Whether an address is in it.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        Self::of(address, self.bits) == Self::of(self.address, self.bits)
    }

    /// An address of it.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How many bits count: 0 to 32, or to 128 of IPv6.
    #[must_use]
    pub fn bits(&self) -> u8 {
        self.bits
    }
}

/// The bits of an address.
fn length(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refuse = || format!("'{}' is no network such as 10.0.0.0/8", text.escape_debug());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.as_str(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| refuse())?;
        let bits = bits.map_or(Ok(length(address)), str::parse).map_err(|_| refuse())?;
        match bits <= length(address) && address == address.to_canonical() {
            true => Ok(Self { address, bits }),
            false => Err(refuse()),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.bits)
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_that_begin_like_it() {
        for (network, address, has) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db8::1", true),
        ] {
            let parsed = Network::try_from(network.to_owned()).unwrap();
            assert_eq!(parsed.has(address.parse().unwrap()), has, "{network} {address}");
        }
    }

    #[test]
    fn the_network_of_an_address_has_its_first_bits() {
        for (address, bits, network) in [
            ("10.1.2.3", 8, "10.0.0.0/8"),
            ("10.1.2.3", 0, "0.0.0.0/0"),
            ("10.1.2.3", 64, "10.1.2.3/32"),
            ("::ffff:10.1.2.3", 24, "10.1.2.0/24"),
            ("2001:db8:1:2:3::4", 64, "2001:db8:1:2::/64"),
            ("2001:db8::1", 0, "::/0"),
        ] {
            assert_eq!(Network::of(address.parse().unwrap(), bits).to_string(), network);
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for network in
            ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/-1", "10.0.0.0/", "::ffff:10.0.0.0/100"]
        {
            assert!(Network::try_from(network.to_owned()).is_err(), "{network}");
        }
    }
}
