//! A few connections to one server.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use redis::FromRedisValue;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{
    command::Command,
    dial::Dialer,
    failure::RedisFailure,
    health::Health,
    link::{Link, Live},
    metrics::Metrics,
};

/// What all pools are opened with.
#[derive(Debug, Clone)]
pub(crate) struct PoolSettings {
    pub(crate) connections: u8,
    /// How many commands may wait to be written on a connection.
    pub(crate) queue: usize,
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Metrics>,
}

/// Connections to one server. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Pool {
    links: Vec<Arc<Link>>,
    next: AtomicUsize,
    metrics: Arc<Metrics>,
    _keepers: JoinSet<()>,
}

impl Pool {
    /// Begins to connect and returns at once, whether or not the server is there.
    pub(crate) fn open(dialer: Dialer, settings: &PoolSettings) -> Self {
        let dialer = Arc::new(dialer);
        let links: Vec<_> = (0..settings.connections).map(|_| Arc::new(Link::new())).collect();
        let mut keepers = JoinSet::new();
        for link in &links {
            let health = Arc::clone(&settings.health);
            keepers.spawn(Arc::clone(link).keep(Arc::clone(&dialer), settings.queue, health));
        }
        Self { links, next: AtomicUsize::new(0), metrics: Arc::clone(&settings.metrics), _keepers: keepers }
    }

    /// Sends a command, which fails at once when the server is known to be down and at `until` when it does not answer. In
    /// the latter case it is not known whether the server ran the command, so it is never sent again.
    pub(crate) async fn send<T: FromRedisValue>(
        &self,
        command: &Command,
        asking: bool,
        until: Instant,
    ) -> Result<T, RedisFailure> {
        let live = self.live()?;
        let mut connection = live.connection();
        let began = Instant::now();
        let answer = timeout_at(until, async {
            match asking {
                false => command.send(&mut connection).await,
                true => command.send_asking(&mut connection).await,
            }
        });
        let answer = answer.await;
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
    pub(crate) fn live(&self) -> Result<Live, RedisFailure> {
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
