//! The administration endpoint: health, status, breakers and metrics over HTTP. It shows no secrets, and has no
//! authentication of its own: bind it to an address that only operators reach.

use std::sync::{Arc, PoisonError, RwLock};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::IntoResponse,
    routing::get,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use serde::Serialize;

use crate::{
    breakers::{self, Breakers},
    jwks::{self, Jwks, SourceStatus},
    metrics::Metrics,
    nodes::{NodeStatus, Nodes},
    publish::{Publication, Status},
};

/// What the endpoint shows.
pub struct Admin {
    nodes: Arc<Nodes>,
    publication: Publication,
    breakers: Arc<Breakers>,
    jwks: Arc<Jwks>,
    registry: RwLock<Registry>,
}

#[derive(Serialize)]
struct FullStatus {
    #[serde(flatten)]
    status: Status,
    /// How fetching keys goes, for each provider whose keys are.
    jwks: Vec<SourceStatus>,
    nodes: Vec<Node>,
}

#[derive(Serialize)]
struct Node {
    #[serde(flatten)]
    status: NodeStatus,
    /// Whether `node.cluster` names a gateway of the release. A node of another one runs an empty configuration.
    known_gateway: bool,
}

impl Admin {
    /// An endpoint that shows these.
    #[must_use]
    pub fn new(
        nodes: Arc<Nodes>,
        publication: Publication,
        breakers: Arc<Breakers>,
        jwks: Arc<Jwks>,
        metrics: &Metrics,
    ) -> Self {
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        breakers::register(&breakers, &mut registry);
        jwks::register(&jwks, &mut registry);
        Self { nodes, publication, breakers, jwks, registry: RwLock::new(registry) }
    }

    /// `GET /healthz`: the process lives. `GET /readyz`: it serves a release. `GET /status`: the release, what keeps the
    /// rows from being served, how fetching keys goes, and every connected node. `GET /breakers`: the breakers of every
    /// connected node that are not closed. `GET /metrics`: for Prometheus.
    pub fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/status", get(status))
            .route("/breakers", get(breakers))
            .route("/metrics", get(metrics))
            .with_state(Arc::new(self))
    }
}

async fn ready(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    match admin.publication.status().release {
        Some(_) => (StatusCode::OK, "ok\n"),
        None => (StatusCode::SERVICE_UNAVAILABLE, "no release is served yet\n"),
    }
}

async fn status(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    let status = admin.publication.status();
    let knows =
        |gateway: &String| status.release.as_ref().is_some_and(|release| release.gateways.contains(gateway));
    let nodes = admin.nodes.list().into_iter();
    let nodes = nodes.map(|node| Node { known_gateway: knows(&node.cluster), status: node }).collect();
    Json(FullStatus { status, jwks: admin.jwks.status(), nodes })
}

async fn breakers(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<breakers::Query>,
) -> impl IntoResponse {
    Json(admin.breakers.view(&query))
}

async fn metrics(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    let mut text = String::new();
    let registry = admin.registry.read().unwrap_or_else(PoisonError::into_inner);
    match encode(&mut text, &registry) {
        Ok(()) => (
            StatusCode::OK,
            [("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")],
            text,
        ),
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, [("content-type", "text/plain")], format!("{error}\n"))
        }
    }
}
