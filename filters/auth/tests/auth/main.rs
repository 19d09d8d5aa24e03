//! The auth filter on the mock host: whole requests, with tokens of every algorithm.

#[cfg(test)]
mod configuration;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod issuer;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod remote_keys;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod tokens;
