//! Whom a limit does not hold for.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Check, Invalid};

/// Whose requests a limit neither counts nor refuses: those of any of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Exempt {
    /// At most 256 networks such as `10.0.0.0/8`, or single addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Network>,
    /// At most 256 names of consumers. The limit is then decided after authentication.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consumers: Vec<String>,
}

/// Most entries of a list.
const MOST: usize = 256;

impl Exempt {
    /// Whether it has nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.consumers.is_empty()
    }

    /// Whether it has an address.
    #[must_use]
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|network| network.has(address))
    }

    /// Whether it has a consumer.
    #[must_use]
    pub fn has_consumer(&self, consumer: &str) -> bool {
        self.consumers.iter().any(|named| named == consumer)
    }
}

impl Check for Exempt {
    fn check(&self) -> Result<(), Invalid> {
        for (field, count) in [("addresses", self.addresses.len()), ("consumers", self.consumers.len())] {
            if count > MOST {
                return Err(Invalid::new(field, format!("must be at most {MOST}")));
            }
        }
        match self.consumers.iter().position(String::is_empty) {
            Some(index) => Err(Invalid::new(format!("consumers[{index}]"), "must not be empty")),
            None => Ok(()),
        }
    }
}

/// Addresses that begin with the same bits (RFC 4632 section 3.1, RFC 4291 section 2.3). An IPv4 address on an IPv6 socket is an
/// IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether an address is in it.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                (own.to_bits() ^ other.to_bits()) & mask == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                (own.to_bits() ^ other.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refuse =
            || format!("'{}' must be an address or a network such as 10.0.0.0/8", text.escape_debug());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.as_str(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| refuse())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| refuse())?;
        match bits <= most && address == address.to_canonical() {
            true => Ok(Self { address, bits }),
            false => Err(refuse()),
        }
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        format!("{}/{}", network.address, network.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
    fn what_is_no_network_is_refused() {
        for network in
            ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/-1", "10.0.0.0/", "::ffff:10.0.0.0/100"]
        {
            assert!(Network::try_from(network.to_owned()).is_err(), "{network}");
        }
        let exempt = json!({"addresses": ["10.0.0.0/8", "::1/128"], "consumers": ["a"]});
        let parsed: Exempt = serde_json::from_value(exempt.clone()).unwrap();
        assert_eq!(serde_json::to_value(&parsed).unwrap(), exempt);
        assert!(Exempt { consumers: vec![String::new()], ..parsed }.check().is_err());
    }
}
