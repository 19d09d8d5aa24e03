//! What every connected Envoy counts, by asking each on its status listener every few seconds.
//!
//! `question` asks, `answer` reads what comes back, `rounds` drives these and tells those who want to know. What it means is
//! theirs to judge: this module knows nothing of them.

mod answer;
mod question;
mod rounds;

use std::{collections::BTreeSet, net::SocketAddr};

pub(crate) use self::answer::{Reached, Sample, Stats};
pub use self::rounds::Rounds;
use crate::nodes::Nodes;

/// An Envoy that is connected, and where it can be asked. Kept by this and not by its stream, so that an Envoy that
/// connects again is the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proxy {
    pub(crate) cluster: String,
    pub(crate) id: String,
    /// The address that its stream comes from, with the port that it says: it can point to nobody else.
    pub(crate) address: Option<SocketAddr>,
}

impl Proxy {
    /// Every proxy that is connected, once, however many streams it has.
    pub(crate) fn connected(nodes: &Nodes) -> BTreeSet<Self> {
        let nodes = nodes.list().into_iter();
        nodes.map(|node| Self { cluster: node.cluster, id: node.id, address: node.status_address }).collect()
    }
}

/// Whoever wants to know what Envoys count.
pub trait Audience: Send + Sync {
    /// A round begins, in which these are asked; all others have gone.
    fn round_begins(&self, connected: &BTreeSet<Proxy>);

    /// A proxy answered.
    fn answered(&self, proxy: &Proxy, stats: &Stats);

    /// A proxy did not answer.
    fn silent(&self, proxy: &Proxy, reason: &str);
}
