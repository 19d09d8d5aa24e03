//! The load test of the control plane: ten thousand routes, a thousand simulated proxies over gRPC, and one Envoy.
//!
//! `make bench-xds` runs it. It reports how long a change takes from its commit in PostgreSQL to the ACK of the first and
//! of the last proxy, how many bytes it sends to each, and what the server uses for it.

mod bed;
mod call;
mod fleet;
mod keys;
mod message;
mod proxy;
mod real;
mod rows;
mod server;
mod table;

use std::process::ExitCode;

use clap::Parser;
use ferrox_testbed::bootstrap::Protocol;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::{
    bed::Bed,
    fleet::{Fleet, Order},
    rows::{Change, Rows, Sharding},
    server::Server,
    table::{Measurement, Table},
};

/// Why the test could not go on.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
#[command(name = "xds", about = "Load test of the control plane")]
struct Options {
    /// Simulated proxies that speak the incremental variant
    #[arg(long, env = "FERROX_BENCH_PROXIES", default_value_t = 1000)]
    proxies: usize,
    /// Simulated proxies that speak the state-of-the-world variant
    #[arg(long, env = "FERROX_BENCH_SOTW_PROXIES", default_value_t = 100)]
    sotw_proxies: usize,
    /// Changes of each sort
    #[arg(long, env = "FERROX_BENCH_CHANGES", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=1000))]
    changes: u16,
    /// Routes; there is a host and an upstream for every ten of them
    #[arg(long, env = "FERROX_BENCH_ROUTES", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(20..=99_999))]
    routes: u32,
    /// API keys, each of a consumer of its own; measured is how long one more takes until an Envoy lets it pass
    #[arg(long, env = "FERROX_BENCH_KEYS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    keys: u32,
    /// How the gateway shards
    #[arg(long, env = "FERROX_BENCH_SHARDING", default_value = "host")]
    sharding: Sharding,
    /// Simulated proxies that start at once
    #[arg(long, env = "FERROX_BENCH_STARTING", default_value_t = 20)]
    starting: usize,
    /// Streams that share a connection, up to 200; a real proxy has one of its own
    #[arg(long, env = "FERROX_BENCH_STREAMS_PER_CONNECTION", default_value_t = 1)]
    streams_per_connection: usize,
    /// Memory in MiB above which the server is stopped, before the machine has none
    #[arg(long, env = "FERROX_BENCH_MAX_SERVER_MIB", default_value_t = 8192)]
    max_server_mib: u64,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let mut table = Table::default();
    let result = run(&options, &mut table).await;
    // What was measured before a failure counts too.
    println!("{table}");
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench-xds: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options, table: &mut Table) -> Result<(), Failure> {
    allow_many_files()?;
    let mut bed =
        Bed::start(Rows { routes: usize::try_from(options.routes)?, sharding: options.sharding }).await?;
    let (server, start) = bed.serve(options).await?;
    table.add(start);
    let order = |protocol, proxies| Order {
        protocol,
        proxies,
        starting: options.starting.max(1),
        streams_per_connection: options.streams_per_connection.max(1),
    };
    let mut numbers = 0..;
    for order in [order(Protocol::Delta, options.proxies), order(Protocol::Sotw, options.sotw_proxies)] {
        if order.proxies > 0 {
            fleet(options, &mut bed, &server, order, &mut numbers, table).await?;
        }
        bed.all_accepted(0).await?;
    }
    table.add(real::measure(&mut bed, &server, options.changes).await?);
    if options.keys > 0 {
        table.add(keys::measure(&mut bed, &server, options).await?);
    }
    bed.control_plane.service().stop().await?;
    Ok(())
}

/// Two files for each proxy, one on each side; the server inherits the limit.
fn allow_many_files() -> Result<(), Failure> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

/// Measures a fleet of simulated proxies. `numbers` gives each change a number of its own.
async fn fleet(
    options: &Options,
    bed: &mut Bed,
    server: &Server,
    order: Order,
    numbers: &mut impl Iterator<Item = usize>,
    table: &mut Table,
) -> Result<(), Failure> {
    let name = format!("{} x {:?}", order.proxies, order.protocol).to_lowercase();
    let mut connecting = Meter::start(format!("{name}: connect"), server)?;
    let began = tokio::time::Instant::now();
    let (mut fleet, settled) = Fleet::start(bed.xds(), order, bed.rows, server).await?;
    connecting.took(began, &settled);
    table.add(connecting.stop(server)?);
    for change in Change::ALL {
        let mut meter = Meter::start(format!("{name}: {}", change.name()), server)?;
        for number in numbers.by_ref().take(options.changes.into()) {
            let committed = bed.rows.change(&mut bed.database, change, number).await?;
            let settled = fleet.accept(&change.types(bed.rows.sharding), server).await?;
            meter.took(committed, &settled);
        }
        table.add(meter.stop(server)?);
    }
    bed.all_accepted(order.proxies).await
}

/// Measures something that is done several times.
struct Meter {
    measurement: Measurement,
    cpu_before: std::time::Duration,
}

impl Meter {
    fn start(what: String, server: &Server) -> Result<Self, Failure> {
        server.forget_peak()?;
        let measurement = Measurement { what, ..Measurement::default() };
        Ok(Self { measurement, cpu_before: server.cpu()? })
    }

    fn took(&mut self, since: tokio::time::Instant, settled: &fleet::Settled) {
        self.measurement.count += 1;
        self.measurement.first.add(settled.first - since);
        self.measurement.last.add(settled.last - since);
        self.measurement.bytes = self.measurement.bytes.max(Some(settled.bytes));
    }

    fn stop(self, server: &Server) -> Result<Measurement, Failure> {
        let cpu = server.cpu()?.saturating_sub(self.cpu_before);
        Ok(Measurement { cpu, peak: server.peak()?, ..self.measurement })
    }
}
