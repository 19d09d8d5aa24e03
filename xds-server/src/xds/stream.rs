//! The task that carries messages between a session and a client.

use std::{future::pending, net::IpAddr, sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

use super::{
    body::Responses,
    observer::{Event, Observer, StreamId},
    peer::Peer,
    service::Releases,
    session::{Outcome, Session, Subscription},
    wire::Protocol,
};
use crate::snapshot::Kind;

/// What a stream needs beside its client.
pub(super) struct Link {
    pub(super) id: StreamId,
    pub(super) peer: Peer,
    /// Where the connection comes from.
    pub(super) address: Option<IpAddr>,
    /// The one kind that the stream is for; `None` for an aggregated stream.
    pub(super) only: Option<Kind>,
    pub(super) releases: Releases,
    pub(super) observer: Arc<dyn Observer>,
    /// How long something is held back for a client that does not answer: clusters from removal, routes until clusters
    /// have warmed.
    pub(super) grace: Duration,
}

/// Most names that a stream can subscribe to, so that its memory is bounded.
const MAX_NAMES: usize = 250_000;

/// Longest `node.id` and `node.cluster` in bytes: they are kept and logged.
const MAX_NODE_NAME: usize = 1024;

/// Serves one client until it leaves, breaks the protocol, or the server stops.
pub(super) async fn serve<P: Protocol>(
    mut link: Link,
    requests: impl Stream<Item = Result<P::Request, Status>> + Send,
    responses: Responses,
) {
    let observer = Arc::clone(&link.observer);
    let id = link.id;
    if let Err(status) = run::<P>(&mut link, requests, &responses).await {
        tracing::info!(stream = id, code = ?status.code(), reason = status.message(), "xDS stream refused");
        responses.end(status);
    }
    observer.observe(id, Event::Closed);
}

async fn run<P: Protocol>(
    link: &mut Link,
    requests: impl Stream<Item = Result<P::Request, Status>> + Send,
    responses: &Responses,
) -> Result<(), Status> {
    tokio::pin!(requests);
    // An error is a client that went away without saying so.
    let Some(Ok(mut first)) = requests.next().await else { return Ok(()) };
    let node = P::node(&mut first)
        .ok_or_else(|| Status::invalid_argument("the first request of a stream must carry a node"))?;
    if node.id.len() > MAX_NODE_NAME || node.cluster.len() > MAX_NODE_NAME {
        let reason = format!("node.id and node.cluster can have {MAX_NODE_NAME} bytes at most");
        return Err(Status::invalid_argument(reason));
    }
    if let Err(denied) = link.peer.admit(&node) {
        link.observer.observe(link.id, Event::Denied { node });
        return Err(Status::permission_denied(denied.to_string()));
    }
    let gateway = node.cluster.clone();
    let address = link.address;
    link.observer.observe(link.id, Event::Opened { node, address, variant: P::VARIANT });
    let mut session = Session::<P::Subscription>::default();
    take_release(link, &gateway, &mut session);
    take_request::<P>(link, &mut session, first)?;
    let mut grace_ends: Option<Instant> = None;
    loop {
        // A response is made only when the client can take it, and from the latest release.
        loop {
            let Some(turn) = responses.turn().await else { return Ok(()) };
            if link.releases.has_changed().unwrap_or(false) {
                take_release(link, &gateway, &mut session);
            }
            let Some(response) = session.next() else { break };
            tracing::debug!(stream = link.id, kind = ?response.kind, version = response.version,
                resources = response.update.resources.len(), removed = ?response.update.removed, "sent");
            let sent = Event::Sent { kind: response.kind, version: response.version.clone() };
            let frames = P::encode(response)?;
            link.observer.observe(link.id, sent);
            turn.send(frames);
        }
        for (kind, version) in session.take_current() {
            link.observer.observe(link.id, Event::Current { kind, version });
        }
        grace_ends = match (session.is_holding_back(), grace_ends) {
            (false, _) => None,
            (true, None) => Some(Instant::now() + link.grace),
            (true, ends) => ends,
        };
        tokio::select! {
            request = requests.next() => {
                let Some(Ok(request)) = request else { return Ok(()) };
                take_request::<P>(link, &mut session, request)?;
            }
            changed = link.releases.changed() => {
                if changed.is_err() {
                    return Err(Status::unavailable("the server is stopping"));
                }
                take_release(link, &gateway, &mut session);
            }
            () = until(grace_ends) => session.on_grace_over(),
            () = responses.closed() => return Ok(()),
        }
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => pending().await,
    }
}

fn take_release<S: Subscription>(link: &mut Link, gateway: &str, session: &mut Session<S>) {
    if let Some(release) = link.releases.borrow_and_update().clone() {
        session.on_snapshot(Arc::clone(release.snapshot(gateway)));
    }
}

fn take_request<P: Protocol>(
    link: &Link,
    session: &mut Session<P::Subscription>,
    request: P::Request,
) -> Result<(), Status> {
    let (kind, answer, subscription) = P::parse(request, link.only)?;
    if let Some(outcome) = session.on_request(kind, answer, subscription) {
        link.observer.observe(link.id, event(kind, outcome));
    }
    if session.names() > MAX_NAMES {
        return Err(Status::resource_exhausted(format!(
            "a stream can subscribe to {MAX_NAMES} names at most"
        )));
    }
    Ok(())
}

fn event(kind: Kind, outcome: Outcome) -> Event {
    match outcome {
        Outcome::Accepted { version } => Event::Accepted { kind, version },
        Outcome::Refused { version, message } => Event::Refused { kind, version, message },
    }
}
