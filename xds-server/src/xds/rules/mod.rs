//! The rules of the protocol, one test each, on sessions without a network.

mod answers;
mod order;
mod reconnect;
mod subscriptions;

use std::{collections::HashMap, sync::Arc};

use super::{
    delta::{Delta, DeltaRequest},
    session::{Answer, Outcome, Response, Session, Subscription},
    sotw::{Sotw, SotwRequest},
};
use crate::snapshot::{Kind, Resource, Snapshot};

fn snapshot(resources: &[(Kind, &str, &str)]) -> Arc<Snapshot> {
    Arc::new(Snapshot::new(
        resources
            .iter()
            .map(|(kind, name, content)| Resource::new(*kind, *name, (*content).as_bytes().to_vec())),
    ))
}

fn session<S: Subscription>(resources: &[(Kind, &str, &str)]) -> Session<S> {
    let mut session = Session::default();
    session.on_snapshot(snapshot(resources));
    session
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn delta(subscribe: &[&str], unsubscribe: &[&str]) -> DeltaRequest {
    DeltaRequest {
        subscribe: strings(subscribe),
        unsubscribe: strings(unsubscribe),
        initial_versions: HashMap::new(),
    }
}

fn sotw(names: &[&str], version: &str) -> SotwRequest {
    SotwRequest { names: strings(names), version: version.to_owned() }
}

fn ack(response: &Response) -> Option<Answer> {
    Some(Answer { nonce: response.nonce.clone(), refusal: None })
}

fn nack(response: &Response) -> Option<Answer> {
    Some(Answer { nonce: response.nonce.clone(), refusal: Some("bad".to_owned()) })
}

fn names(response: &Response) -> Vec<&str> {
    response.update.resources.iter().map(|resource| resource.name()).collect()
}

/// What a client would report after a reconnect: versions by name.
fn versions(response: &Response) -> HashMap<String, String> {
    response.update.resources.iter().map(|r| (r.name().to_owned(), r.version().to_owned())).collect()
}

/// Sends the request that acknowledges a delta response and changes nothing.
fn acknowledge(session: &mut Session<Delta>, response: &Response) -> Option<Outcome> {
    session.on_request(response.kind, ack(response), delta(&[], &[]))
}

/// The route configuration of these tests, whose content says where it leads.
fn routes(content: &str) -> (Kind, &str, &str) {
    (Kind::RouteConfiguration, "r", content)
}

/// A client that runs a cluster and routes to it.
fn routing_to_a() -> Session<Delta> {
    let mut session = session::<Delta>(&[CLUSTER_A, routes("to a")]);
    for (kind, names) in [(Kind::Cluster, &[][..]), (Kind::RouteConfiguration, &["r"])] {
        session.on_request(kind, None, delta(names, &[]));
        let response = session.next().unwrap();
        acknowledge(&mut session, &response);
    }
    session
}

const CLUSTER_A: (Kind, &str, &str) = (Kind::Cluster, "a", "1");
const ENDPOINTS_A: (Kind, &str, &str) = (Kind::Endpoints, "a", "1");

/// The same snapshot with clusters that only those get who ask for them by name.
fn with_unlisted(resources: &[(Kind, &str, &str)], unlisted: &[(Kind, &str, &str)]) -> Arc<Snapshot> {
    let make = |(kind, name, content): &(Kind, &str, &str)| {
        Resource::new(*kind, *name, (*content).as_bytes().to_vec())
    };
    let unlisted = unlisted.iter().map(|resource| make(resource).unlisted());
    Arc::new(Snapshot::new(resources.iter().map(make).chain(unlisted)))
}
