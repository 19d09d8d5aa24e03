//! `ferrox-testbed up` and `down`: the whole gateway for a person to try.

mod control;
mod instance;
mod options;
mod sample;
mod tour;

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{MissedTickBehavior, interval},
};

use crate::{
    Error,
    envoy::EnvoyPorts,
    gateway::{Database, Gateway, GatewayOptions, GatewayPorts},
    postgres::Postgres,
};

use control::ControlServer;
use instance::Instance;
pub use options::{DownOptions, UpOptions};
use sample::Sample;

/// How often is looked whether all parts still run.
const LOOK: Duration = Duration::from_millis(500);

/// Runs the gateway until Ctrl-C, SIGTERM or `down`.
///
/// # Errors
/// When another `up` runs, a port is in use, something is missing, or a part does not start.
pub async fn up(options: UpOptions) -> Result<(), Error> {
    let mut signals = Signals::new()?;
    let _instance = Instance::claim(&options.folder)?;
    let mut running = tokio::select! {
        running = Running::start(&options) => running?,
        // What has been started is ended as it is dropped.
        () = signals.any() => return say("\nstopped before everything was up"),
    };
    say(&running.tour)?;
    running.watch_until(&mut signals).await?;
    say("\nstopping (again to stop at once)")?;
    tokio::select! {
        stopped = running.gateway.stop() => stopped?,
        () = signals.any() => {}
    }
    drop(running);
    say(&format!("stopped; the logs stay in {}", options.folder.display()))
}

/// Stops a running `up` and waits until it is gone.
///
/// # Errors
/// When it does not stop.
pub async fn down(options: DownOptions) -> Result<(), Error> {
    match instance::stop(&options.folder).await? {
        Some(pid) => say(&format!("stopped the gateway (process {pid})")),
        None => say("nothing is up"),
    }
}

/// Everything that `up` holds.
struct Running {
    gateway: Gateway,
    tour: String,
    _sample: Sample,
    _control: ControlServer,
}

impl Running {
    async fn start(options: &UpOptions) -> Result<Self, Error> {
        let started = Instant::now();
        clear(&options.folder)?;
        let ports = options.ports()?;
        let gateway = GatewayPorts {
            listener: ports.gateway,
            envoy: EnvoyPorts { admin: ports.envoy_admin, status: ports.envoy_status },
            xds: ports.xds,
            admin: ports.admin,
            sidecar: ports.sidecar,
            redis: ports.redis,
        };
        let mut report = |part: &'static str| progress(started, &format!("starting {part}"));
        report("PostgreSQL");
        let server = Postgres::start_in(Some(&options.folder.join("postgres")), ports.postgres).await?;
        let server = Database::Own(Box::new(server));
        let folder = &options.folder;
        let mut gateway =
            Gateway::prepare(folder, server, gateway, GatewayOptions::default(), &mut report).await?;
        report("the upstreams");
        let sample = Sample::start()?;
        let control = ControlServer::start(ports.control, sample.controls()).await?;
        progress(started, "loading envoy/sample.sql");
        sample.load(&gateway).await?;
        report("Envoy");
        gateway.open().await?;
        gateway.until("/public", 200).await?;
        progress(started, "everything is up");
        let tour = tour::text(&gateway, &sample, &control, options)?;
        Ok(Self { gateway, tour, _sample: sample, _control: control })
    }

    /// Tells of parts that ended by themselves; the others go on, as they should.
    async fn watch_until(&mut self, signals: &mut Signals) -> Result<(), Error> {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = Vec::new();
        loop {
            tokio::select! {
                () = signals.any() => return Ok(()),
                _ = looks.tick() => {
                    for end in self.gateway.ended()? {
                        let Error::Ended { name, .. } = &end else { continue };
                        if !told.contains(name) {
                            told.push(name.clone());
                            say(&format!("\n{end}"))?;
                        }
                    }
                }
            }
        }
    }
}

/// What asks us to stop.
struct Signals(Vec<Signal>);

impl Signals {
    fn new() -> Result<Self, Error> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let signals = kinds.into_iter().map(signal).collect::<io::Result<_>>();
        signals.map(Self).map_err(Error::io("listening for signals"))
    }

    async fn any(&mut self) {
        let waiting = self.0.iter_mut().map(|signal| Box::pin(signal.recv()));
        futures::future::select_all(waiting).await;
    }
}

/// Removes what an earlier `up` left: its logs, and its data if it was killed.
fn clear(folder: &Path) -> Result<(), Error> {
    let doing = || format!("clearing {}", folder.display());
    for entry in fs::read_dir(folder).map_err(Error::io(doing()))? {
        let entry = entry.map_err(Error::io(doing()))?;
        if entry.file_name() == instance::FILE {
            continue;
        }
        let is_folder = entry.file_type().map_err(Error::io(doing()))?.is_dir();
        let removed =
            if is_folder { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
        removed.map_err(Error::io(doing()))?;
    }
    Ok(())
}

fn progress(started: Instant, what: &str) {
    // Nobody may be reading any more; that is no reason not to start.
    drop(say(&format!("[{:5.1} s] {what}", started.elapsed().as_secs_f32())));
}

fn say(text: &str) -> Result<(), Error> {
    writeln!(io::stdout(), "{text}").map_err(Error::io("writing to the terminal"))
}
