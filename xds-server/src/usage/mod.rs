//! How much API keys are used. Envoys report it on the port that they get their configuration from; it is added up in
//! memory and written every few seconds, so that no request of a client ever waits for it.

mod ledger;
mod service;
mod writer;

pub use self::{ledger::Ledger, service::router, writer::Writer};
