//! The turns of one variant.

use std::{net::SocketAddr, time::Duration};

use super::{Failure, load::Clients};

/// Requests before anything is measured: enough for V8 to have compiled what is used often.
const WARM_UP: usize = 2_000;

/// The clients of one variant, and how many requests they send in a turn.
pub struct Turns {
    clients: Clients,
    requests: usize,
    /// The number of the next request.
    next: usize,
}

impl Turns {
    /// So many clients of a listener, whose first turn warms it up.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn connect(listener: SocketAddr, clients: u16) -> Result<Self, Failure> {
        Ok(Self { clients: Clients::connect(listener, clients).await?, requests: WARM_UP, next: 0 })
    }

    /// Makes a turn so long that Envoy uses about `turn` of processor time, if a request costs so many microseconds.
    pub fn last(&mut self, turn: Duration, microseconds: f64) {
        self.requests = (turn.as_secs_f64() * 1e6 / microseconds.max(1.0)).ceil() as usize;
    }

    /// Takes a turn: the next of these requests, and the first again after the last. Each must be answered by one of the statuses.
    /// Returns how many were sent.
    ///
    /// # Errors
    /// When one is answered by another, or not within 30 seconds.
    pub async fn take(&mut self, requests: &[Vec<u8>], statuses: &[u16]) -> Result<usize, Failure> {
        self.clients.ask(requests, self.next, self.requests, statuses).await?;
        self.next += self.requests;
        Ok(self.requests)
    }
}

/// Microseconds for each of `requests`, where all took `used`.
#[must_use]
pub fn each(used: Duration, requests: usize) -> f64 {
    used.as_secs_f64() * 1e6 / requests as f64
}
