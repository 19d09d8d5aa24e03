//! The sidecar without Envoy: how many decisions one core makes, and how long one takes at half of that.

use std::{cell::Cell, fs, path::Path, time::Duration};

use bytes::Bytes;
use clap::Args;
use ferrox_policy::sidecar::{LimitCheck, LimitsRequest};
use ferrox_testbed::{
    bench::{
        Failure,
        table::{at, median},
        turns::each,
    },
    cpu,
    ports::Port,
    redis::Redis,
    sidecar::{Place, Sidecar},
};
use futures::{StreamExt as _, future::try_join_all, stream::FuturesUnordered};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::connection::Connection;

/// Longest that one measurement may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between questions at a steady rate, which come in bursts: tokio's timers have no finer steps.
const STEP: Duration = Duration::from_millis(1);
/// Clients whose requests are asked about.
const CLIENTS: u32 = 1_000;

#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Connections to the sidecar: an Envoy has one for each worker
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    connections: u16,
    /// Questions under way on each connection at most
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=200))]
    in_flight: u16,
    /// Milliseconds of one measurement
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(100..=10_000))]
    load_ms: u32,
}

impl Load {
    fn lasts(&self) -> Duration {
        Duration::from_millis(self.load_ms.into())
    }
}

/// What was measured of one way to the sidecar, for each round.
#[derive(Debug)]
pub(crate) struct Alone {
    pub(crate) way: &'static str,
    /// CPU microseconds of the sidecar for a decision.
    pub(crate) sidecar: Vec<f64>,
    /// The same of Redis.
    pub(crate) redis: Vec<f64>,
    /// Decisions a second while as many as allowed are under way.
    pub(crate) reached: Vec<f64>,
    /// Questions a second at half of what one core can decide.
    pub(crate) steady: Vec<f64>,
    /// Milliseconds that half of those took at most.
    pub(crate) p50: Vec<f64>,
    /// Milliseconds that 99 of 100 of those took at most.
    pub(crate) p99: Vec<f64>,
}

impl Alone {
    fn new(way: &'static str) -> Self {
        let none = Vec::new;
        Self {
            way,
            sidecar: none(),
            redis: none(),
            reached: none(),
            steady: none(),
            p50: none(),
            p99: none(),
        }
    }

    /// Decisions for each second of the sidecar's processor time.
    pub(crate) fn on_one_core(&self) -> f64 {
        1e6 / median(&self.sidecar)
    }
}

/// A sidecar with a Redis of its own.
struct Bed {
    connections: Vec<Connection>,
    processes: [u32; 2],
    _held: (Sidecar, Redis),
}

/// Both ways in turns.
pub(crate) async fn measure(load: &Load, rounds: u16) -> Result<[Alone; 2], Failure> {
    let folder = tempfile::Builder::new().prefix("ferrox-bench-sidecar-").tempdir()?;
    let over_tcp = Bed::start(&folder.path().join("tcp"), false, load).await?;
    let over_unix = Bed::start(&folder.path().join("unix"), true, load).await?;
    let mut measured = [(over_tcp, Alone::new("loopback")), (over_unix, Alone::new("Unix socket"))];
    for (bed, _) in &measured {
        bed.saturate(load).await?;
    }
    for round in 1..=rounds {
        eprintln!("the sidecar alone, round {round} of {rounds}");
        for (bed, alone) in &mut measured {
            bed.take_turn(load, alone).await?;
        }
    }
    Ok(measured.map(|(_, alone)| alone))
}

impl Bed {
    async fn start(folder: &Path, by_socket: bool, load: &Load) -> Result<Self, Failure> {
        fs::create_dir(folder)?;
        let mut redis = Redis::start_in(folder, Port::free()?).await?;
        let (port, path) = (Port::free()?, folder.join("sidecar.sock"));
        let number = port.number();
        let place = if by_socket { Place::Socket(path.clone()) } else { Place::Port(port) };
        let mut sidecar = Sidecar::start_in(folder, place, &redis.url()).await?;
        let mut connections = Vec::new();
        for _ in 0..load.connections {
            connections.push(match by_socket {
                true => Connection::over_unix(&path).await?,
                false => Connection::over_tcp(number).await?,
            });
        }
        let processes = [sidecar.service().id(), redis.service().id()].map(|id| id.ok_or("it does not run"));
        let [sidecar_process, redis_process] = processes;
        Ok(Self { connections, processes: [sidecar_process?, redis_process?], _held: (sidecar, redis) })
    }

    async fn take_turn(&self, load: &Load, alone: &mut Alone) -> Result<(), Failure> {
        let before = self.cpu()?;
        let began = Instant::now();
        let decisions = self.saturate(load).await?;
        let wall = began.elapsed();
        let used = self.cpu()?;
        alone.sidecar.push(each(used[0].saturating_sub(before[0]), decisions));
        alone.redis.push(each(used[1].saturating_sub(before[1]), decisions));
        alone.reached.push(decisions as f64 / wall.as_secs_f64());
        let rate = alone.on_one_core() / 2.0;
        let began = Instant::now();
        let latencies = timeout(PATIENCE, self.steadily(load, rate)).await??;
        alone.steady.push(latencies.len() as f64 / began.elapsed().as_secs_f64());
        alone.p50.push(median(&latencies));
        alone.p99.push(at(&latencies, 0.99));
        Ok(())
    }

    fn cpu(&self) -> Result<[Duration; 2], Failure> {
        let [sidecar, redis] = self.processes;
        Ok([cpu::used(sidecar)?, cpu::used(redis)?])
    }

    /// Asks on all connections with as many under way as allowed. Returns how many decisions there were.
    async fn saturate(&self, load: &Load) -> Result<usize, Failure> {
        let end = Instant::now() + load.lasts();
        let number = Cell::new(0_u32);
        let under_way = self.connections.iter().flat_map(|one| (0..load.in_flight).map(move |_| one));
        let asking = under_way.map(async |connection| {
            while Instant::now() < end {
                number.set(number.get().wrapping_add(1));
                connection.ask(question(number.get())?).await?;
            }
            Ok::<_, Failure>(())
        });
        timeout(PATIENCE, try_join_all(asking)).await??;
        Ok(number.get() as usize)
    }

    /// Asks so often in a second, whether or not there are answers. Returns the milliseconds that each took from when it was due.
    async fn steadily(&self, load: &Load, rate: f64) -> Result<Vec<f64>, Failure> {
        let total = (rate * load.lasts().as_secs_f64()) as u32;
        let mut ticks = interval(STEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let began = ticks.tick().await;
        let (mut asked, mut under_way, mut latencies) = (0, FuturesUnordered::new(), Vec::new());
        let mut connections = self.connections.iter().cycle();
        while latencies.len() < total as usize {
            tokio::select! {
                due = ticks.tick(), if asked < total => {
                    let by_now = (rate * due.duration_since(began).as_secs_f64()) as u32;
                    for number in asked..by_now.min(total) {
                        let (connection, question) = (connections.next().ok_or("no connection")?, question(number)?);
                        under_way.push(async move {
                            connection.ask(question).await.map(|()| due.elapsed().as_secs_f64() * 1e3)
                        });
                    }
                    asked = by_now.min(total);
                }
                Some(took) = under_way.next() => latencies.push(took?),
            }
        }
        Ok(latencies)
    }
}

/// About one limit of one of the clients, as the filter asks.
fn question(number: u32) -> Result<Bytes, Failure> {
    let client = number % CLIENTS;
    let key = format!(
        "ferrox:1:limit:6:orders:4:hour:5:fixed:7:address:13:10.0.{}.{}/32",
        client / 250,
        client % 250
    );
    let limits = vec![LimitCheck::fixed_window(key, 1_000_000_000, 3_600_000)];
    Ok(serde_json::to_vec(&LimitsRequest { limits, charge: false })?.into())
}
