//! One streaming gRPC call over HTTP/2, with the least that a client can do: thousands of them share the machine with
//! the server that is measured.

use std::{net::SocketAddr, time::Duration};

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::{RecvStream, SendStream, client};
use http::{Request, StatusCode};
use prost::Message;
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};

use crate::Failure;

/// Bytes of each stream that the server may send before they are taken.
const STREAM_WINDOW: u32 = 1 << 20;
/// The same for all streams of a connection together.
const CONNECTION_WINDOW: u32 = 4 << 20;
/// Before each message: whether it is compressed, and its length in four bytes (gRPC over HTTP/2, "Requests").
const PREFIX: usize = 5;
/// Longest wait for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// A connection, on which calls can be made until it is dropped.
pub(crate) struct Connection {
    requests: client::SendRequest<Bytes>,
    task: JoinHandle<()>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Failure> {
        timeout(CONNECT_WITHIN, Self::connect(address)).await?
    }

    async fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let (requests, connection) = client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(socket)
            .await?;
        // How it ends is seen by the calls on it.
        let task = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { requests, task })
    }

    /// Begins a call of a method (`/service/method`).
    pub(crate) async fn call(&self, path: &str) -> Result<(Sender, client::ResponseFuture), Failure> {
        let request = Request::post(format!("http://ferrox{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())?;
        let mut requests = self.requests.clone().ready().await?;
        let (response, stream) = requests.send_request(request, false)?;
        Ok((Sender(stream), response))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The way to the server.
pub(crate) struct Sender(SendStream<Bytes>);

impl Sender {
    pub(crate) fn send(&mut self, message: &impl Message) -> Result<(), Failure> {
        let length = message.encoded_len();
        let mut bytes = BytesMut::with_capacity(PREFIX + length);
        bytes.put_u8(0);
        bytes.put_u32(u32::try_from(length)?);
        message.encode(&mut bytes)?;
        Ok(self.0.send_data(bytes.freeze(), false)?)
    }
}

/// The way back.
pub(crate) struct Receiver {
    body: RecvStream,
    /// What has arrived and is not taken.
    piece: Bytes,
}

impl Receiver {
    /// Waits for the server's consent to the call.
    pub(crate) async fn new(response: client::ResponseFuture) -> Result<Self, Failure> {
        let response = response.await?;
        if response.status() != StatusCode::OK || response.headers().contains_key("grpc-status") {
            return Err(format!("the call was refused: {response:?}").into());
        }
        Ok(Self { body: response.into_body(), piece: Bytes::new() })
    }

    /// Takes the next message and gives its pieces away; returns its length with the prefix, in bytes.
    pub(crate) async fn message(
        &mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<usize, Failure> {
        let mut prefix = [0; PREFIX];
        for byte in &mut prefix {
            self.fill().await?;
            *byte = self.piece.split_to(1).first().copied().unwrap_or_default();
        }
        let [compressed, length @ ..] = prefix;
        if compressed != 0 {
            return Err("a message is compressed although that was not asked for".into());
        }
        let length = usize::try_from(u32::from_be_bytes(length))?;
        let mut left = length;
        while left > 0 {
            self.fill().await?;
            let piece = self.piece.split_to(left.min(self.piece.len()));
            left -= piece.len();
            take(&piece)?;
        }
        Ok(PREFIX + length)
    }

    /// Waits until there is something to take.
    async fn fill(&mut self) -> Result<(), Failure> {
        while self.piece.is_empty() {
            let Some(piece) = self.body.data().await else {
                let trailers = self.body.trailers().await?;
                return Err(format!("the server ended the call: {trailers:?}").into());
            };
            self.piece = piece?;
            self.body.flow_control().release_capacity(self.piece.len())?;
        }
        Ok(())
    }
}
