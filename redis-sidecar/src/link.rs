//! One connection to Redis that is kept alive.
//!
//! The redis crate's `ConnectionManager` is not used: it never tries again after a failure that is no I/O error
//! (a wrong password that is put right later), it does not replace a connection whose peer went silent, and
//! requests wait for its attempts to connect. Here a task of its own connects, watches and reconnects, so that a
//! request finds either a connection or, at once, the reason why there is none.

use std::{sync::Arc, time::Duration};

use redis::aio::MultiplexedConnection;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep},
};

use crate::{
    dial::{Dialer, patiently, ping},
    failure::RedisFailure,
    health::Health,
};

/// Between heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Between attempts to connect; doubles from the one to the other.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A connection that lived this long was a good one: the next pause is the shortest again.
const SETTLED: Duration = Duration::from_secs(1);

/// A connection that is kept alive by [`Link::keep`].
#[derive(Debug)]
pub(crate) struct Link {
    state: watch::Sender<State>,
}

#[derive(Debug)]
enum State {
    Live(Live),
    Down(RedisFailure),
}

/// A connection that works, as far as is known.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    connection: MultiplexedConnection,
    lost: mpsc::Sender<RedisFailure>,
}

impl Live {
    pub(crate) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    /// Reports a failure on this connection, which is then replaced if that may help.
    pub(crate) fn report(&self, failure: &RedisFailure) {
        if failure.ends_the_connection() {
            // Full or closed means that this connection is on its way out already.
            let _ = self.lost.try_send(failure.clone());
        }
    }
}

impl Link {
    /// A link that is down until [`Link::keep`] has connected it.
    pub(crate) fn new() -> Self {
        Self { state: watch::Sender::new(State::Down(RedisFailure::Unavailable)) }
    }

    /// The connection, or at once the reason why there is none.
    pub(crate) fn live(&self) -> Result<Live, RedisFailure> {
        match &*self.state.borrow() {
            State::Live(live) => Ok(live.clone()),
            State::Down(failure) => Err(failure.clone()),
        }
    }

    /// Connects, watches and reconnects, for as long as the future is polled. `queue` bounds the commands that
    /// wait to be written.
    pub(crate) async fn keep(self: Arc<Self>, dialer: Arc<Dialer>, queue: usize, health: Arc<Health>) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            let failure = match dialer.connect(queue).await {
                Ok(connection) => {
                    let since = Instant::now();
                    let failure = self.serve_until_lost(connection).await;
                    if since.elapsed() >= SETTLED {
                        pause = SHORTEST_PAUSE;
                    }
                    failure
                }
                Err(failure) => failure,
            };
            health.failed(&failure);
            self.state.send_replace(State::Down(failure));
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn serve_until_lost(&self, connection: MultiplexedConnection) -> RedisFailure {
        let (lost, mut reports) = mpsc::channel(1);
        self.state.send_replace(State::Live(Live { connection: connection.clone(), lost }));
        tokio::select! {
            Some(failure) = reports.recv() => failure,
            failure = beat(connection) => failure,
        }
    }
}

/// Ends when Redis fails to answer a heartbeat, which is how a peer that went silent is found out.
async fn beat(mut connection: MultiplexedConnection) -> RedisFailure {
    loop {
        sleep(HEARTBEAT).await;
        if let Err(failure) = patiently(async { Ok(ping(&mut connection).await?) }).await {
            return failure;
        }
    }
}
