//! The primary that Sentinels watch (Redis, "Guidelines for Redis clients with support for Redis Sentinel").

use redis::{AsyncConnectionConfig, Client, ConnectionInfo, RedisResult};
use tokio::task::JoinSet;

use crate::{
    failure::{RedisFailure, Refusal},
    redis_url,
};

/// Sentinels and the name of the primary that they are asked for.
#[derive(Debug)]
pub(crate) struct Sentinels {
    clients: Vec<Client>,
    name: String,
    primary: ConnectionInfo,
}

impl Sentinels {
    /// `primary` is how to connect to it, whatever its address.
    pub(crate) fn new(
        sentinels: Vec<ConnectionInfo>,
        name: String,
        primary: ConnectionInfo,
    ) -> RedisResult<Self> {
        let clients = sentinels.into_iter().map(Client::open).collect::<Result<_, _>>()?;
        Ok(Self { clients, name, primary })
    }

    /// The primary, by the first Sentinel that knows it.
    pub(crate) async fn primary(&self) -> Result<Client, RedisFailure> {
        let mut questions = JoinSet::new();
        for client in &self.clients {
            questions.spawn(ask(client.clone(), self.name.clone()));
        }
        let mut worst = RedisFailure::NoSentinel;
        while let Some(answer) = questions.join_next().await {
            match answer {
                Ok(Ok(Some((host, port)))) => {
                    return Ok(Client::open(redis_url::to(&self.primary, &host, port))?);
                }
                Ok(Ok(None)) => worst = RedisFailure::UnknownPrimary,
                Ok(Err(error)) => {
                    if RedisFailure::from(error) == RedisFailure::Refused(Refusal::Credentials) {
                        worst = RedisFailure::SentinelCredentials;
                    }
                }
                // Nobody cancels a question, and it does not panic.
                Err(_) => {}
            }
        }
        Err(worst)
    }
}

async fn ask(sentinel: Client, name: String) -> RedisResult<Option<(String, u16)>> {
    // The time limit is the caller's, around the whole.
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let mut connection = sentinel.get_multiplexed_async_connection_with_config(&config).await?;
    redis::cmd("SENTINEL").arg("get-master-addr-by-name").arg(name).query_async(&mut connection).await
}
