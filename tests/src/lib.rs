//! The testbed of Ferrox: every part of the gateway as a value that runs it on loopback.
//!
//! A test starts a [`gateway::Gateway`], which brings a fresh database, Redis, the sidecar, the control plane and
//! Envoy, and sends requests through it; `ferrox-testbed up` shows the same to a person. Each part can be killed,
//! stopped and started again on its own, on the same port. No part outlives the process that started it, however
//! that ends.

pub mod bench;
pub mod binaries;
pub mod bootstrap;
pub mod control_plane;
pub mod cpu;
pub mod envoy;
mod error;
pub mod front;
pub mod gateway;
pub mod grpc;
pub mod logs;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod redis;
pub mod secret;
pub mod sidecar;
pub mod tls;
pub mod tokens;
pub mod up;
pub mod upstream;
pub mod wait;
mod watchdog;

pub use error::Error;
