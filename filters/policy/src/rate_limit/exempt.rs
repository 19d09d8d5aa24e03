//! Whom a limit does not hold for.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Check, Invalid, network::Network};

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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_is_written_as_it_was_read() {
        let exempt = json!({"addresses": ["10.0.0.0/8", "::1/128"], "consumers": ["a"]});
        let parsed: Exempt = serde_json::from_value(exempt.clone()).unwrap();
        assert_eq!(serde_json::to_value(&parsed).unwrap(), exempt);
        assert!(Exempt { consumers: vec![String::new()], ..parsed }.check().is_err());
    }
}
