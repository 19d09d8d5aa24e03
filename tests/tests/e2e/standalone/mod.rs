//! A filter alone, in an Envoy without our control plane.

mod istio;
mod plain;
pub(crate) mod proxy;
mod remote_keys;
