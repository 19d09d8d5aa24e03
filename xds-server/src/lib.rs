//! The control plane of Ferrox: rows in PostgreSQL become what Envoy runs.
//!
//! Data goes one way: [`store`] reads rows, [`model`] checks them, [`translate`] makes resources of them, a
//! [`snapshot`] holds the resources, [`publish`] drives these four, [`xds`] carries snapshots to proxies,
//! [`nodes`] keeps the books on the proxies, [`stats`] asks them what they count, [`breakers`] judges how their breakers
//! are, [`usage`] takes what they tell of the use of API keys, [`jwks`] fetches keys of issuers into the rows, [`csds`]
//! shows the proxies to standard tools, and [`admin`] and [`cli`] show it all to people. [`secrets`] keeps private keys
//! unreadable in the rows.

pub mod admin;
pub mod breakers;
mod cause;
pub mod cli;
pub mod csds;
pub mod jwks;
pub mod metrics;
pub mod model;
pub mod nodes;
pub mod publish;
pub mod secrets;
pub mod snapshot;
pub mod stats;
pub mod store;
pub mod translate;
pub mod usage;
pub mod xds;
