//! Clients that ask one after the other over connections that stay open (RFC 9112), as cheaply as they can: they share the
//! machine with who is measured.

use std::{cell::RefCell, net::SocketAddr, time::Duration};

use futures::future::try_join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::Failure;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Clients of one address.
pub(super) struct Clients(Vec<Client>);

struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Clients {
    /// So many of them, connected.
    ///
    /// # Errors
    /// When nobody listens there.
    pub(super) async fn connect(address: SocketAddr, count: u16) -> Result<Self, Failure> {
        let connect = async |_| -> Result<Client, Failure> {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Client { stream, received: Vec::with_capacity(4096) })
        };
        Ok(Self(try_join_all((0..count).map(connect)).await?))
    }

    /// Sends so many requests, from number `first` on and round about, each of which must be answered by one of these statuses.
    ///
    /// # Errors
    /// When one is answered by another, or not within 30 seconds.
    pub(super) async fn ask(
        &mut self,
        requests: &[Vec<u8>],
        first: usize,
        count: usize,
        statuses: &[u16],
    ) -> Result<(), Failure> {
        // Whoever is free takes the next: no client falls behind and brings late what is remembered by then.
        let numbers = RefCell::new(first..first + count);
        let asking = self.0.iter_mut().map(async |client| {
            loop {
                let Some(number) = numbers.borrow_mut().next() else { return Ok::<_, Failure>(()) };
                let request = requests.get(number % requests.len().max(1)).ok_or("there are no requests")?;
                let answered = timeout(PATIENCE, client.ask(request)).await??;
                if !statuses.contains(&answered) {
                    let answer = String::from_utf8_lossy(&client.received);
                    return Err(format!("answered {answered} instead of {statuses:?}: {answer}").into());
                }
            }
        });
        try_join_all(asking).await.map(|_| ())
    }
}

impl Client {
    /// The status of the answer.
    async fn ask(&mut self, request: &[u8]) -> Result<u16, Failure> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let end_of_head = loop {
            if let Some(at) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.receive().await?;
        };
        let head = std::str::from_utf8(self.received.get(..end_of_head).unwrap_or_default())?;
        let status = head.split(' ').nth(1).unwrap_or_default().parse()?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        let end = end_of_head + length.parse::<usize>()?;
        while self.received.len() < end {
            self.receive().await?;
        }
        Ok(status)
    }

    async fn receive(&mut self) -> Result<(), Failure> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err("Envoy closed the connection".into()),
            _ => Ok(()),
        }
    }
}
