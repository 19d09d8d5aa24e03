//! The xDS protocol: subscriptions and streams. It knows nothing of what the resources mean.
//!
//! * [`interest`](self): what a client subscribed to.
//! * `delta` and `sotw`: the two variants of a subscription to one kind of resource.
//! * `session`: all subscriptions of one stream, the order of what is sent, and what is held back from removal.
//! * `peer`: which nodes a client may introduce itself as, by its certificate.
//! * `wire`: the messages of both variants, and `frames`: a response as frames of an HTTP body.
//! * `body`: the body of an HTTP response, and when it takes a response.
//! * `stream`: the task that carries bytes between a session and a client.
//! * `service`: the gRPC service.
//!
//! Everything up to `session` is a pure state machine without I/O and without a clock.

mod body;
mod delta;
mod frames;
mod interest;
mod ledger;
mod observer;
mod peer;
mod service;
mod session;
mod sotw;
mod stream;
mod view;
mod wire;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod rules;

pub use observer::{Event, Node, Observer, StreamId, Variant};
pub(crate) use peer::Peer;
pub use service::{Discovery, Releases};
