//! The port by which a person makes the sample's upstreams fail, and sees what reaches them.

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    Error,
    ports::Port,
    upstream::{Behaviour, Control},
};

type Controls = BTreeMap<String, Control>;
type Answer = Result<String, (StatusCode, &'static str)>;

const UNKNOWN: (StatusCode, &str) = (StatusCode::NOT_FOUND, "there is no such upstream\n");

/// `POST /{upstream}/fail`, `POST /{upstream}/heal` and `GET /{upstream}/requests`.
pub(super) struct ControlServer {
    port: Port,
    task: JoinHandle<std::io::Result<()>>,
}

impl ControlServer {
    pub(super) async fn start(port: Port, controls: Controls) -> Result<Self, Error> {
        let doing = "starting the control port of the upstreams";
        let listener = TcpListener::bind(port.address()).await.map_err(Error::io(doing))?;
        let router = Router::new()
            .route("/{upstream}/fail", post(fail))
            .route("/{upstream}/heal", post(heal))
            .route("/{upstream}/requests", get(requests))
            .with_state(controls);
        let task = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { port, task })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.port.address())
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn fail(State(controls): State<Controls>, Path(name): Path<String>) -> Answer {
    controls.get(&name).ok_or(UNKNOWN)?.behave(Behaviour::Fail(StatusCode::INTERNAL_SERVER_ERROR));
    Ok(format!("{name} answers 500 from now on\n"))
}

async fn heal(State(controls): State<Controls>, Path(name): Path<String>) -> Answer {
    controls.get(&name).ok_or(UNKNOWN)?.behave(Behaviour::Answer);
    Ok(format!("{name} answers again\n"))
}

async fn requests(State(controls): State<Controls>, Path(name): Path<String>) -> Answer {
    let requests = controls.get(&name).ok_or(UNKNOWN)?.all_requests();
    Ok(format!("{requests} requests reached {name}\n"))
}
