//! Redis, however it is set up.

use std::{collections::BTreeMap, sync::Arc};

use redis::{Client, FromRedisValue};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{
    Settings, StartError,
    cluster::Cluster,
    command::Command,
    dial::{Dialer, ping},
    failure::RedisFailure,
    health::Health,
    metrics::Metrics,
    pool::{Pool, PoolSettings},
    redis_url::{Deployment, UrlError},
    sentinel::Sentinels,
    slots, tls,
};

/// Redis. Dropping it ends its connections.
#[derive(Debug)]
pub(crate) struct Store {
    servers: Servers,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    _keepers: JoinSet<()>,
}

#[derive(Debug)]
enum Servers {
    One(Pool),
    Cluster(Arc<Cluster>),
}

impl Store {
    /// Begins to connect and returns at once, whether or not Redis is there.
    ///
    /// # Errors
    /// When the URL or a file for TLS makes no sense.
    pub(crate) fn open(settings: &Settings, metrics: Arc<Metrics>) -> Result<Self, StartError> {
        let deployment = Deployment::parse(settings.redis_url.expose(), tls::files(settings)?.as_ref())?;
        let health = Arc::new(Health::default());
        let pools = PoolSettings {
            connections: settings.connections,
            queue: settings.max_waiting as usize,
            health: Arc::clone(&health),
            metrics: Arc::clone(&metrics),
        };
        let mut keepers = JoinSet::new();
        let watched = Arc::clone(&health);
        keepers.spawn(async move { watched.watch().await });
        let servers = match deployment {
            Deployment::Alone(info) => {
                let client = Client::open(info).map_err(|_| UrlError::Server)?;
                Servers::One(Pool::open(Dialer::Server(client), &pools))
            }
            Deployment::Sentinel { sentinels, name, primary } => {
                let sentinels = Sentinels::new(sentinels, name, primary).map_err(|_| UrlError::Sentinel)?;
                Servers::One(Pool::open(Dialer::Sentinel(sentinels), &pools))
            }
            Deployment::Cluster(seeds) => {
                let cluster = Arc::new(Cluster::new(seeds, pools));
                keepers.spawn(Arc::clone(&cluster).keep());
                Servers::Cluster(cluster)
            }
        };
        Ok(Self { servers, health, metrics, _keepers: keepers })
    }

    /// Whether Redis takes commands: of a Cluster, every primary.
    pub(crate) async fn ping(&self, until: Instant) -> Result<(), RedisFailure> {
        let connections = match &self.servers {
            Servers::One(pool) => vec![pool.live()?.connection()],
            Servers::Cluster(cluster) => cluster.live()?,
        };
        for mut connection in connections {
            timeout_at(until, ping(&mut connection)).await.map_err(|_| RedisFailure::Timeout)??;
        }
        Ok(())
    }

    /// Runs a command, at most once: see [`Pool::send`] and [`Cluster::send`].
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        command: &Command,
        until: Instant,
    ) -> Result<T, RedisFailure> {
        let result = match &self.servers {
            Servers::One(pool) => pool.send(command, false, until).await,
            Servers::Cluster(cluster) => cluster.send(command, until).await,
        };
        if let Err(failure) = &result {
            self.metrics.redis_failed(failure);
            self.health.failed(failure);
        }
        result
    }

    /// Which of some keys one script can look at together, by their index: all of them, or in a Cluster those of one slot.
    pub(crate) fn together<'a>(&self, keys: impl Iterator<Item = &'a str>) -> Vec<Vec<usize>> {
        let mut groups: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for (index, key) in keys.enumerate() {
            let group = match &self.servers {
                Servers::One(_) => 0,
                Servers::Cluster(_) => slots::slot(key.as_bytes()),
            };
            groups.entry(group).or_default().push(index);
        }
        groups.into_values().collect()
    }
}
