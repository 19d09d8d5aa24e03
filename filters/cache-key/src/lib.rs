//! The cache-key filter: answers requests from a cache in Redis that all gateways share.
//!
//! A request whose route has a `CachePolicy` is looked up under a key of everything that may change its answer. A
//! fresh entry is served without the upstream; otherwise the answer is copied as it passes, never held back,
//! and stored if nothing forbids it. A cache never blocks: whatever fails, the request goes to the upstream.
//!
//! * `request`: may this request be looked up, may its answer be stored (RFC 9111 section 5.2.1);
//! * `key`: what an entry is known by;
//! * `response`: may this answer be stored, and how long is it fresh (RFC 9111 sections 3 and 4.2);
//! * `cache_control`: the header that both rest on;
//! * `entry`: a stored answer as bytes, and its age;
//! * `store`: the call-outs to the sidecar;
//! * `plugin`: the configuration, and the policy of a request; `plan`: what is to be done under it;
//! * `filter`: the shell that carries a stream through all of these.

mod cache_control;
mod entry;
mod filter;
mod key;
mod plan;
mod plugin;
mod request;
mod response;
mod store;

pub use filter::CacheStream;
pub use plugin::CacheKey;

ferrox_host::plugin!(CacheKey);
