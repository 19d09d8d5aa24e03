//! One connection to Redis that is kept alive.
//!
//! The redis crate's `ConnectionManager` is not used: it never tries again after a failure that is no I/O error
//! (a wrong password that is put right later), it does not replace a connection whose peer went silent, and
//! requests wait for its attempts to connect. Here a task of its own connects, watches and reconnects, so that a
//! request finds either a connection or, at once, the reason why there is none.

use std::{sync::Arc, time::Duration};

use redis::{AsyncConnectionConfig, Client, RedisResult, aio::MultiplexedConnection};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, timeout},
};

use crate::{failure::RedisFailure, health::Health};

/// Longest wait for a connection that is ready for commands, and for the answer to a heartbeat.
const PATIENCE: Duration = Duration::from_secs(1);
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
    pub(crate) async fn keep(self: Arc<Self>, client: Client, queue: usize, health: Arc<Health>) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            let failure = match connect(&client, queue).await {
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

/// Connects and authenticates. A first PING shows whether Redis takes commands, which it refuses e.g. while it loads
/// its data or wants a password.
async fn connect(client: &Client, queue: usize) -> Result<MultiplexedConnection, RedisFailure> {
    // The time limits are ours, around the whole.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_pipeline_buffer_size(queue);
    patiently(async {
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        ping(&mut connection).await?;
        Ok(connection)
    })
    .await
}

/// Ends when Redis fails to answer a heartbeat, which is how a peer that went silent is found out.
async fn beat(mut connection: MultiplexedConnection) -> RedisFailure {
    loop {
        sleep(HEARTBEAT).await;
        if let Err(failure) = patiently(ping(&mut connection)).await {
            return failure;
        }
    }
}

async fn patiently<T>(attempt: impl Future<Output = RedisResult<T>>) -> Result<T, RedisFailure> {
    match timeout(PATIENCE, attempt).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if error.is_timeout() => Err(RedisFailure::Unavailable),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(RedisFailure::Unavailable),
    }
}

/// Whether Redis takes commands.
pub(crate) async fn ping(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    redis::cmd("PING").query_async(connection).await
}
