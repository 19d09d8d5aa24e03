//! What happens on the streams, for whoever keeps the books.

use std::net::IpAddr;

use crate::snapshot::Kind;

/// Identifies a stream in this process.
pub type StreamId = u64;

/// Who is at the other end, as it says itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// `node.id`.
    pub id: String,
    /// `node.cluster`: the gateway that the proxy belongs to.
    pub cluster: String,
    /// The proxy's name and version.
    pub agent: String,
    /// The port on which others may read its statistics: `ferrox.status_port` of `node.metadata`.
    pub status_port: Option<u16>,
}

/// The two variants of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Incremental.
    Delta,
    /// State of the world.
    Sotw,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A node has introduced itself.
    Opened {
        /// Who it is.
        node: Node,
        /// Where its connection comes from.
        address: Option<IpAddr>,
        /// What it speaks.
        variant: Variant,
    },
    /// Somebody introduced himself as a node that his certificate does not name, and was sent away.
    Denied {
        /// Who he said he is.
        node: Node,
    },
    /// A version was sent.
    Sent {
        /// Of what.
        kind: Kind,
        /// Which.
        version: String,
    },
    /// A node that connected again runs a version already, which therefore is not sent.
    Current {
        /// Of what.
        kind: Kind,
        /// Which.
        version: String,
    },
    /// The node runs a version.
    Accepted {
        /// Of what.
        kind: Kind,
        /// Which.
        version: String,
    },
    /// The node refused a version, in full or in part (NACK).
    Refused {
        /// Of what.
        kind: Kind,
        /// Which.
        version: String,
        /// The node's reason.
        message: String,
    },
    /// The stream ended.
    Closed,
}

/// Somebody who wants to know. Called from the streams' tasks, so it must be quick.
pub trait Observer: Send + Sync + 'static {
    /// Something happened on a stream.
    fn observe(&self, stream: StreamId, event: Event);
}
