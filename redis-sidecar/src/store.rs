//! Redis, as a few connections behind one time limit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use redis::{Client, IntoConnectionInfo, RedisResult, aio::MultiplexedConnection, io::tcp::TcpSettings};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    Settings, StartError,
    failure::RedisFailure,
    health::Health,
    link::{Link, Live, ping},
    metrics::Metrics,
};

/// Redis. Dropping it ends its connections.
#[derive(Debug)]
pub(crate) struct Store {
    links: Vec<Arc<Link>>,
    next: AtomicUsize,
    limit: Duration,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    _keepers: JoinSet<()>,
}

impl Store {
    /// Begins to connect and returns at once, whether or not Redis is there.
    ///
    /// # Errors
    /// When the URL makes no sense.
    pub(crate) fn open(settings: &Settings, metrics: Arc<Metrics>) -> Result<Self, StartError> {
        let client = client(settings)?;
        let health = Arc::new(Health::default());
        let links: Vec<_> = (0..settings.connections).map(|_| Arc::new(Link::new())).collect();
        let mut keepers = JoinSet::new();
        for link in &links {
            let queue = settings.max_waiting as usize;
            keepers.spawn(Arc::clone(link).keep(client.clone(), queue, Arc::clone(&health)));
        }
        let watched = Arc::clone(&health);
        keepers.spawn(async move { watched.watch().await });
        Ok(Self {
            links,
            next: AtomicUsize::new(0),
            limit: settings.timeout(),
            health,
            metrics,
            _keepers: keepers,
        })
    }

    /// Whether Redis takes commands.
    pub(crate) async fn ping(&self) -> Result<(), RedisFailure> {
        self.attempt(|mut connection| async move { ping(&mut connection).await }).await
    }

    /// Runs a command, which fails at once when Redis is known to be down and at the time limit when it does not
    /// answer. In the latter case it is not known whether Redis ran the command.
    pub(crate) async fn run<T, F>(
        &self,
        command: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, RedisFailure>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let result = self.attempt(command).await;
        if let Err(failure) = &result {
            self.metrics.redis_failed(failure);
            self.health.failed(failure);
        }
        result
    }

    async fn attempt<T, F>(&self, command: impl FnOnce(MultiplexedConnection) -> F) -> Result<T, RedisFailure>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let live = self.live()?;
        let began = Instant::now();
        let answer = timeout(self.limit, command(live.connection())).await;
        self.metrics.round_trip(began.elapsed());
        let failure = match answer {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => RedisFailure::from(error),
            Err(_) => RedisFailure::Timeout,
        };
        live.report(&failure);
        Err(failure)
    }

    /// The next connection in turn that works.
    fn live(&self) -> Result<Live, RedisFailure> {
        let count = self.links.len();
        let first = self.next.fetch_add(1, Ordering::Relaxed) % count.max(1);
        let mut reason = RedisFailure::Unavailable;
        for link in self.links.iter().cycle().skip(first).take(count) {
            match link.live() {
                Ok(live) => return Ok(live),
                Err(failure) => reason = failure,
            }
        }
        Err(reason)
    }
}

fn client(settings: &Settings) -> Result<Client, StartError> {
    // The crate's error is not shown: it may quote the URL.
    let info = settings.redis_url.expose().into_connection_info().map_err(|_| StartError::RedisUrl)?;
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    Client::open(info).map_err(|_| StartError::RedisUrl)
}
