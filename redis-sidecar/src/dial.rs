//! How a connection to Redis is made.

use std::time::Duration;

use redis::{AsyncConnectionConfig, Client, RedisResult, aio::MultiplexedConnection};
use tokio::time::timeout;

use crate::{failure::RedisFailure, sentinel::Sentinels};

/// Longest wait for a connection that is ready for commands, and for the answer to a heartbeat.
const PATIENCE: Duration = Duration::from_secs(1);

/// What leads to a server.
#[derive(Debug)]
pub(crate) enum Dialer {
    /// Its address.
    Server(Client),
    /// The Sentinels, which are asked anew for each connection.
    Sentinel(Sentinels),
}

impl Dialer {
    /// Connects and authenticates. A first PING shows whether Redis takes commands, which it refuses e.g. while it loads
    /// its data or wants a password. `queue` bounds the commands that wait to be written.
    pub(crate) async fn connect(&self, queue: usize) -> Result<MultiplexedConnection, RedisFailure> {
        let attempt = async {
            match self {
                Self::Server(client) => connect(client, queue).await,
                Self::Sentinel(sentinels) => connect(&sentinels.primary().await?, queue).await,
            }
        };
        patiently(attempt).await
    }
}

async fn connect(client: &Client, queue: usize) -> Result<MultiplexedConnection, RedisFailure> {
    // The time limits are ours, around the whole.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_pipeline_buffer_size(queue);
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    ping(&mut connection).await?;
    Ok(connection)
}

/// Gives up at the end of all patience. A peer that is so late cannot be told from one that is not there.
pub(crate) async fn patiently<T>(
    attempt: impl Future<Output = Result<T, RedisFailure>>,
) -> Result<T, RedisFailure> {
    match timeout(PATIENCE, attempt).await {
        Ok(Err(RedisFailure::Timeout)) | Err(_) => Err(RedisFailure::Unavailable),
        Ok(result) => result,
    }
}

/// Whether Redis takes commands.
pub(crate) async fn ping(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    redis::cmd("PING").query_async(connection).await
}
