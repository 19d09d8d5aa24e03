//! A Redis Cluster: which node has which slot, and a pool of connections to each primary.
//!
//! The redis crate's cluster client is not used: it counts its redirects and its retries after a broken connection as one,
//! and a command that is sent again after that may count twice. Here a command is sent to a second node only when the first
//! one said that it has not run it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, FromRedisValue, Value, aio::MultiplexedConnection,
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout_at},
};

use crate::{
    command::Command,
    dial::{Dialer, patiently},
    failure::{Redirect, RedisFailure, Refusal},
    pool::{Pool, PoolSettings},
    redis_url,
    slots::{self, Node, Range},
};

/// More redirects than this are a Cluster whose nodes disagree.
const MOST_REDIRECTS: usize = 4;
/// Between two questions for the slots, while nothing seems to be wrong and while something does.
const CALM: Duration = Duration::from_secs(10);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// A Cluster whose nodes are found out by [`Cluster::keep`].
#[derive(Debug)]
pub(crate) struct Cluster {
    seeds: Vec<ConnectionInfo>,
    settings: PoolSettings,
    map: watch::Sender<Result<Map, RedisFailure>>,
    stale: Notify,
}

/// The nodes as they were told last.
#[derive(Debug, Clone, Default)]
struct Map {
    ranges: Arc<[Range]>,
    pools: HashMap<Node, Arc<Pool>>,
}

impl Map {
    fn node_of(&self, slot: u16) -> Option<(&Node, &Arc<Pool>)> {
        let range = self.ranges.iter().find(|range| (range.first..=range.last).contains(&slot))?;
        self.pools.get_key_value(&range.primary)
    }
}

impl Cluster {
    pub(crate) fn new(seeds: Vec<ConnectionInfo>, settings: PoolSettings) -> Self {
        Self {
            seeds,
            settings,
            map: watch::Sender::new(Err(RedisFailure::Unavailable)),
            stale: Notify::new(),
        }
    }

    /// Sends a command to the node that has its key, following redirects. It is sent again only when it has not run.
    pub(crate) async fn send<T: FromRedisValue>(
        &self,
        command: &Command,
        until: Instant,
    ) -> Result<T, RedisFailure> {
        let (mut node, mut pool) = self.node_of(slots::slot(command.key().as_bytes()))?;
        let mut asking = false;
        for _ in 0..=MOST_REDIRECTS {
            let failure = match pool.send(command, asking, until).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let RedisFailure::Refused(Refusal::Moved(redirect)) = failure else {
                if failure.ends_the_connection() {
                    self.stale.notify_one();
                }
                return Err(failure);
            };
            asking = redirect.asking;
            node = target(&node, redirect);
            pool = self.pool(&node, asking, until).await?;
        }
        Err(RedisFailure::Refused(Refusal::ClusterDown))
    }

    /// Whether every primary takes commands.
    pub(crate) fn live(&self) -> Result<Vec<MultiplexedConnection>, RedisFailure> {
        let map = self.map.borrow().clone()?;
        map.pools.values().map(|pool| pool.live().map(|live| live.connection())).collect()
    }

    fn node_of(&self, slot: u16) -> Result<(Node, Arc<Pool>), RedisFailure> {
        let map = self.map.borrow();
        let found = map.as_ref().map_err(Clone::clone)?.node_of(slot);
        let Some((node, pool)) = found else {
            self.stale.notify_one();
            return Err(RedisFailure::Refused(Refusal::ClusterDown));
        };
        Ok((node.clone(), Arc::clone(pool)))
    }

    /// The pool of a node that a redirect names, which may be new.
    async fn pool(&self, node: &Node, asking: bool, until: Instant) -> Result<Arc<Pool>, RedisFailure> {
        let mut map = self.map.subscribe();
        // A slot on its way (ASK) is still where it was.
        if !asking {
            self.stale.notify_one();
        }
        let known = |map: &Result<Map, RedisFailure>| {
            map.as_ref().is_ok_and(|map| map.pools.get(node).is_some_and(|pool| pool.live().is_ok()))
        };
        if !known(&map.borrow()) {
            self.stale.notify_one();
        }
        let found = timeout_at(until, map.wait_for(known)).await.map_err(|_| RedisFailure::Timeout)?;
        let map = found.map_err(|_| RedisFailure::Unavailable)?;
        let pool = map.as_ref().ok().and_then(|map| map.pools.get(node)).cloned();
        pool.ok_or(RedisFailure::Unavailable)
    }

    /// Asks for the slots whenever they may have changed, for as long as the future is polled.
    pub(crate) async fn keep(self: Arc<Self>) {
        loop {
            match self.ask_any().await {
                Ok(ranges) => self.adopt(ranges),
                Err(failure) => {
                    self.settings.health.failed(&failure);
                    // What was known last is better than nothing.
                    self.map.send_if_modified(|map| match map {
                        Ok(_) => false,
                        Err(reason) => {
                            *reason = failure;
                            true
                        }
                    });
                    self.stale.notify_one();
                }
            }
            sleep(SHORTEST_PAUSE).await;
            tokio::select! {
                () = self.stale.notified() => {}
                () = sleep(CALM) => {}
            }
        }
    }

    fn adopt(&self, ranges: Vec<Range>) {
        let old = self.map.borrow().as_ref().map(|map| map.pools.clone()).unwrap_or_default();
        let mut pools = HashMap::new();
        for range in &ranges {
            let node = &range.primary;
            if !pools.contains_key(node) {
                let pool = old.get(node).cloned().or_else(|| self.open(node));
                pools.extend(pool.map(|pool| (node.clone(), pool)));
            }
        }
        // What it replaces is dropped, and with it the connections to nodes that are primaries no more.
        drop(self.map.send_replace(Ok(Map { ranges: ranges.into(), pools })));
    }

    fn open(&self, node: &Node) -> Option<Arc<Pool>> {
        let client = Client::open(redis_url::to(self.seeds.first()?, &node.host, node.port)).ok()?;
        Some(Arc::new(Pool::open(Dialer::Server(client), &self.settings)))
    }

    /// The slots, by the first node that tells them: the known ones, then those of the URL.
    async fn ask_any(&self) -> Result<Vec<Range>, RedisFailure> {
        let known: Vec<_> = match &*self.map.borrow() {
            Ok(map) => map.pools.iter().map(|(node, pool)| (node.host.clone(), Arc::clone(pool))).collect(),
            Err(_) => Vec::new(),
        };
        for (host, pool) in known {
            let Ok(live) = pool.live() else { continue };
            if let Ok(ranges) = patiently(ask(live.connection(), &host)).await {
                return Ok(ranges);
            }
        }
        let mut reason = RedisFailure::Unavailable;
        for seed in &self.seeds {
            match patiently(ask_seed(seed)).await {
                Ok(ranges) => return Ok(ranges),
                Err(failure) => reason = failure,
            }
        }
        Err(reason)
    }
}

/// The node that a redirect leads to. One without a host is on the host that redirects.
fn target(from: &Node, redirect: Redirect) -> Node {
    let host = if redirect.host.is_empty() { from.host.clone() } else { redirect.host };
    Node { host, port: redirect.port }
}

async fn ask_seed(seed: &ConnectionInfo) -> Result<Vec<Range>, RedisFailure> {
    let (redis::ConnectionAddr::Tcp(host, _) | redis::ConnectionAddr::TcpTls { host, .. }) = seed.addr()
    else {
        return Err(RedisFailure::Unavailable);
    };
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let client = Client::open(seed.clone())?;
    ask(client.get_multiplexed_async_connection_with_config(&config).await?, host).await
}

async fn ask(mut connection: MultiplexedConnection, host: &str) -> Result<Vec<Range>, RedisFailure> {
    let answer: Value = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await?;
    slots::ranges(answer, host).ok_or(RedisFailure::Refused(Refusal::Nonsense))
}
