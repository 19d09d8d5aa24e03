//! A filter alone, in an Envoy without our control plane.

mod istio;
mod plain;
mod proxy;
mod remote_keys;
