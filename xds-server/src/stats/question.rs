//! Asking an Envoy.

use std::{net::SocketAddr, time::Duration};

use axum::body::{Body, Bytes, to_bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;

use super::answer::{self, Stats};
use crate::cause;

/// Longest time from the question to the end of the answer.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Largest answer that is read, in bytes: some 60,000 upstreams.
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// Asks Envoys for their statistics.
pub(super) struct Questioner {
    client: Client<HttpConnector, Body>,
    path_and_query: String,
}

/// Why there is no answer. Shows nothing of what was answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("no answer within {} s", TIME_LIMIT.as_secs())]
    TimedOut,
    #[error("cannot be asked: {0}")]
    Unreachable(String),
    #[error("answered {0} instead of 200")]
    Refused(u16),
    #[error("the answer broke off or is larger than {MAX_ANSWER_BYTES} bytes")]
    Unreadable,
    #[error("the answer is not what Envoy's /stats answers")]
    Malformed,
}

impl Questioner {
    pub(super) fn new() -> Self {
        // Between two questions a connection is idle for seconds: one that died meanwhile would only be in the way.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        Self { client, path_and_query: answer::path_and_query() }
    }

    /// What the Envoy at an address counts.
    pub(super) async fn ask(&self, address: SocketAddr) -> Result<Stats, NoAnswer> {
        let body = timeout(TIME_LIMIT, self.fetch(address)).await.map_err(|_| NoAnswer::TimedOut)??;
        Stats::parse(&body).map_err(|_| NoAnswer::Malformed)
    }

    async fn fetch(&self, address: SocketAddr) -> Result<Bytes, NoAnswer> {
        let uri = format!("http://{address}{}", self.path_and_query);
        let uri = uri.parse().map_err(|_| NoAnswer::Unreachable("its address makes no URI".to_owned()))?;
        let response =
            self.client.get(uri).await.map_err(|error| NoAnswer::Unreachable(cause::innermost(&error)))?;
        // A redirect is not followed: it could lead to anybody.
        if response.status() != 200 {
            return Err(NoAnswer::Refused(response.status().as_u16()));
        }
        let body = to_bytes(Body::new(response.into_body()), MAX_ANSWER_BYTES);
        body.await.map_err(|_| NoAnswer::Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        Router,
        http::{StatusCode, Uri, header::LOCATION},
        response::IntoResponse,
    };
    use tokio::net::TcpListener;

    use super::*;

    /// What is made of this answer.
    async fn asked(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> Result<Stats, NoAnswer> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(async move |uri: Uri| match uri.path() {
            "/stats" => answer.into_response(),
            _ => (StatusCode::OK, r#"{"stats":[]}"#).into_response(),
        });
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let result = Questioner::new().ask(address).await;
        server.abort();
        result
    }

    #[tokio::test]
    async fn an_answer_is_read() {
        assert_eq!(asked(r#"{"stats":[]}"#).await.unwrap(), Stats::default());
    }

    #[tokio::test]
    async fn what_is_no_answer_is_refused_with_the_reason() {
        let elsewhere = (StatusCode::FOUND, [(LOCATION, "/other")]);
        assert!(matches!(asked(elsewhere).await, Err(NoAnswer::Refused(302))));
        assert!(matches!(asked("secret").await, Err(NoAnswer::Malformed)));
        let large = " ".repeat(MAX_ANSWER_BYTES) + r#"{"stats":[]}"#;
        assert!(matches!(asked(large).await, Err(NoAnswer::Unreadable)));
    }

    #[tokio::test]
    async fn where_nobody_listens_the_reason_says_so() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let reason = Questioner::new().ask(address).await.unwrap_err().to_string();
        assert!(reason.contains("Connection refused"), "{reason}");
    }
}
