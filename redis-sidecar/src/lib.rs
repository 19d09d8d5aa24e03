//! The HTTP face of Redis for Ferrox's filters, which can call HTTP but not Redis.
//!
//! It speaks the messages of [`ferrox_policy::sidecar`] over HTTP/1.1 and HTTP/2 (prior knowledge) on one
//! plaintext listener. Its promises: a limit is never exceeded, a request is counted by all of its limits or by
//! none (in a Redis Cluster: see `limits::across`), nothing is counted twice, every key in Redis expires, and no request
//! waits longer than its time limit for Redis.
//!
//! [`Settings`] say how, [`Sidecar`] listens and serves, [`run`] is the whole program.

mod body;
mod cache;
mod cluster;
mod command;
mod deadline;
mod dial;
mod failure;
mod health;
mod limits;
mod link;
mod listen;
mod logs;
mod metrics;
mod pool;
mod redis_url;
mod sentinel;
mod server;
mod settings;
mod slots;
mod start;
mod store;
mod tls;
mod waiting;

pub use redis_url::UrlError;
pub use server::Sidecar;
pub use settings::{LogFormat, RedisUrl, Settings};
pub use start::{StartError, run};
