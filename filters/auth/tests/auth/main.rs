//! The auth filter on the mock host: whole requests, with tokens of every algorithm.

#[cfg(test)]
mod api_keys;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod floods;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod issuer;
#[cfg(test)]
mod policies;
#[cfg(test)]
#[expect(unreachable_pub, reason = "the fuzz targets use them from outside")]
#[path = "../../../../fuzz/src/properties/mod.rs"]
mod properties;
#[cfg(test)]
mod remote_keys;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod rfc;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod usage;
