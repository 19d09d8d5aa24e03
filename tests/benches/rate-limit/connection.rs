//! HTTP/2 connections to the sidecar, with the least that a client can do: it shares the machine with who is measured.

use std::path::Path;

use bytes::Bytes;
use ferrox_policy::sidecar::LIMITS_PATH;
use ferrox_testbed::bench::Failure;
use h2::client;
use http::{Request, StatusCode};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    task::JoinHandle,
};

/// A connection, on which questions can be asked until it is dropped.
pub(crate) struct Connection {
    requests: client::SendRequest<Bytes>,
    task: JoinHandle<()>,
}

impl Connection {
    pub(crate) async fn over_tcp(port: u16) -> Result<Self, Failure> {
        let socket = TcpStream::connect(("127.0.0.1", port)).await?;
        socket.set_nodelay(true)?;
        Self::over(socket).await
    }

    pub(crate) async fn over_unix(path: &Path) -> Result<Self, Failure> {
        Self::over(UnixStream::connect(path).await?).await
    }

    async fn over(socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Self, Failure> {
        let (requests, connection) = client::handshake(socket).await?;
        // How it ends is seen by the questions on it.
        let task = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { requests, task })
    }

    /// Asks about limits with the headers that Envoy sends. Only a decision is an answer.
    pub(crate) async fn ask(&self, question: Bytes) -> Result<(), Failure> {
        let request = Request::post(format!("http://sidecar{LIMITS_PATH}"))
            .header("content-type", "application/json")
            .header("content-length", question.len())
            .header("x-envoy-internal", "true")
            .header("x-forwarded-for", "127.0.0.1")
            .header("x-envoy-expected-rq-timeout-ms", "5000")
            .body(())?;
        let mut requests = self.requests.clone().ready().await?;
        let (response, mut body) = requests.send_request(request, false)?;
        body.send_data(question, true)?;
        let (head, mut body) = response.await?.into_parts();
        while let Some(chunk) = body.data().await {
            let taken = chunk?.len();
            body.flow_control().release_capacity(taken)?;
        }
        match head.status {
            StatusCode::OK => Ok(()),
            status => Err(format!("the sidecar answered {status}").into()),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}
