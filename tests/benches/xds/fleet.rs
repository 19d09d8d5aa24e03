//! Many simulated proxies, and what they accept when.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use ferrox_testbed::bootstrap::Protocol;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, interval, timeout},
};

use crate::{
    Failure,
    call::Connection,
    proxy::{Accepted, Proxy, Report},
    rows::Rows,
    server::Server,
};

/// Longest wait for all proxies together.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often the server's memory is looked at.
const GUARD: Duration = Duration::from_millis(100);
/// No proxy is sent anything for so long: the change is through.
const QUIET: Duration = Duration::from_millis(100);

/// How a fleet is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub(crate) protocol: Protocol,
    pub(crate) proxies: usize,
    /// Proxies that start at once.
    pub(crate) starting: usize,
    pub(crate) streams_per_connection: usize,
}

/// Connected proxies. They leave when it is dropped.
pub(crate) struct Fleet {
    proxies: usize,
    reports: mpsc::UnboundedReceiver<Report>,
    _tasks: JoinSet<()>,
}

/// What all proxies accepted.
pub(crate) struct Settled {
    /// When the first ACK was on its way.
    pub(crate) first: Instant,
    /// When the last one was.
    pub(crate) last: Instant,
    /// Bytes that the proxy which got the most was sent.
    pub(crate) bytes: usize,
}

impl Fleet {
    /// Starts all proxies and waits until each has everything.
    pub(crate) async fn start(
        address: SocketAddr,
        order: Order,
        rows: Rows,
        server: &Server,
    ) -> Result<(Self, Settled), Failure> {
        let (sender, reports) = mpsc::unbounded_channel();
        let turns = Arc::new(Semaphore::new(order.starting));
        let mut tasks = JoinSet::new();
        let mut connection = None;
        for index in 0..order.proxies {
            if index % order.streams_per_connection == 0 {
                connection = Some(Arc::new(Connection::open(address).await?));
            }
            if let Some(connection) = connection.clone() {
                let turns = Arc::clone(&turns);
                tasks.spawn(Proxy::run(index, order.protocol, rows, connection, turns, sender.clone()));
            }
        }
        let mut this = Self { proxies: order.proxies, reports, _tasks: tasks };
        let settled = this.settle(server, |up: &mut bool, accepted| {
            *up |= accepted.is_up;
            *up
        });
        let settled = settled.await?;
        Ok((this, settled))
    }

    /// Waits until every proxy has accepted something of each of these types, and none is sent anything more.
    pub(crate) async fn accept(&mut self, types: &[&str], server: &Server) -> Result<Settled, Failure> {
        self.settle(server, |seen: &mut BTreeSet<String>, accepted| {
            seen.insert(accepted.type_url.clone());
            types.iter().all(|wanted| seen.contains(*wanted))
        })
        .await
    }

    /// Waits until `is_done`, which keeps a state for each proxy, was true for all.
    async fn settle<S: Default>(
        &mut self,
        server: &Server,
        is_done: impl FnMut(&mut S, &Accepted) -> bool,
    ) -> Result<Settled, Failure> {
        let collecting = collect(&mut self.reports, self.proxies, is_done);
        let mut guard = interval(GUARD);
        tokio::pin!(collecting);
        let deadline = Instant::now() + PATIENCE;
        loop {
            tokio::select! {
                settled = &mut collecting => return settled,
                _ = guard.tick() => server.check_memory()?,
                () = tokio::time::sleep_until(deadline) => {
                    return Err(format!("not all proxies were done within {} s", PATIENCE.as_secs()).into());
                }
            }
        }
    }
}

async fn collect<S: Default>(
    reports: &mut mpsc::UnboundedReceiver<Report>,
    proxies: usize,
    mut is_done: impl FnMut(&mut S, &Accepted) -> bool,
) -> Result<Settled, Failure> {
    let mut states: BTreeMap<usize, (S, usize)> = BTreeMap::new();
    let mut done = BTreeSet::new();
    let mut times: Option<(Instant, Instant)> = None;
    loop {
        let next = match done.len() < proxies {
            true => reports.recv().await,
            false => match timeout(QUIET, reports.recv()).await {
                Ok(next) => next,
                Err(_) => break,
            },
        };
        let accepted = next.ok_or("all proxies are gone")??;
        let (state, bytes) = states.entry(accepted.proxy).or_default();
        *bytes += accepted.bytes;
        if is_done(state, &accepted) {
            done.insert(accepted.proxy);
        }
        let (first, last) = times.unwrap_or((accepted.at, accepted.at));
        times = Some((first.min(accepted.at), last.max(accepted.at)));
    }
    let (first, last) = times.ok_or("there are no proxies")?;
    Ok(Settled { first, last, bytes: states.values().map(|(_, bytes)| *bytes).max().unwrap_or(0) })
}
