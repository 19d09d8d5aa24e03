//! `ferrox serve`: the server.

use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::{Args, ValueEnum};
use ferrox_policy::{
    auth::{USAGE_PATH, UsageReports},
    sidecar::Address,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tonic::{
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tracing_subscriber::EnvFilter;

use super::{CliError, DatabaseUrl, EncryptionKeys, tls::XdsTls};
use crate::{
    admin::Admin,
    breakers::Breakers,
    csds::ClientStatus,
    jwks::{Jwks, Keeper},
    metrics::Metrics,
    nodes::Nodes,
    publish::{Merge, Publication, Publisher},
    stats::{Audience, Rounds},
    store::Store,
    translate::Settings,
    usage::{self, Ledger, Writer},
    xds::Discovery,
};

/// How long streams and requests under way may take to end when the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Dead proxies are noticed by HTTP/2 pings this far apart.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Longest wait of an Envoy for the answer to a report, in milliseconds.
const KEY_USAGE_TIMEOUT_MS: u32 = 2_000;

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Where the rows are, `postgres://…`
    #[arg(long, env = "FERROX_DATABASE_URL", hide_env_values = true)]
    database_url: DatabaseUrl,
    #[command(flatten)]
    encryption_keys: EncryptionKeys,
    /// Address of the xDS server, which proxies connect to
    #[arg(long, env = "FERROX_XDS_LISTEN", default_value = "127.0.0.1:18000")]
    xds_listen: SocketAddr,
    #[command(flatten)]
    xds_tls: XdsTls,
    /// Address of health, status, breakers and metrics
    #[arg(long, env = "FERROX_ADMIN_LISTEN", default_value = "127.0.0.1:18001")]
    admin_listen: SocketAddr,
    /// Address on which the proxies listen for traffic
    #[arg(long, env = "FERROX_LISTENER", default_value = "0.0.0.0:10000")]
    listener: SocketAddr,
    /// Folder of the filters' wasm files, as the proxies see it
    #[arg(long, env = "FERROX_WASM_DIR", default_value = "/etc/ferrox/wasm")]
    wasm_dir: PathBuf,
    /// Address of the Redis sidecar, as the proxies see it: `ip:port` or `unix:/path`
    #[arg(long, env = "FERROX_SIDECAR", default_value = "127.0.0.1:7379")]
    sidecar: Address,
    /// PEM file of the authorities that upstreams with TLS are trusted by unless they name their own, as the proxies see it
    #[arg(long, env = "FERROX_TRUSTED_CA", default_value = "/etc/ssl/certs/ca-certificates.crt")]
    trusted_ca: PathBuf,
    /// Seconds for which a removed upstream stays known to a proxy that does not acknowledge its new routes
    #[arg(long, env = "FERROX_REMOVAL_GRACE_SECONDS", default_value_t = 15)]
    removal_grace_seconds: u64,
    /// Milliseconds without a change after which the changes before are served together
    #[arg(long, env = "FERROX_MERGE_QUIET_MS", default_value_t = 5)]
    merge_quiet_ms: u64,
    /// Longest time in milliseconds for which a change waits for others
    #[arg(long, env = "FERROX_MERGE_LONGEST_MS", default_value_t = 100)]
    merge_longest_ms: u64,
    /// Seconds between two questions to each proxy how its breakers are; 0: they are not asked
    #[arg(long, env = "FERROX_BREAKER_INTERVAL_SECONDS", default_value_t = 5)]
    breaker_interval_seconds: u32,
    /// Name of the cluster in Envoys' bootstrap that leads to this server, to which they report the use of API keys; empty:
    /// they do not
    #[arg(long, env = "FERROX_KEY_USAGE_CLUSTER", default_value = "ferrox_xds")]
    key_usage_cluster: String,
    /// Seconds between two reports of each Envoy on the use of API keys, and between two times that they are written
    #[arg(
        long, env = "FERROX_KEY_USAGE_INTERVAL_SECONDS", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=3600)
    )]
    key_usage_interval_seconds: u32,
    /// What is logged: error, warn, info, debug or trace, also by module
    #[arg(long, env = "FERROX_LOG", default_value = "info")]
    log: String,
    /// Form of the log
    #[arg(long, env = "FERROX_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), CliError> {
        self.start_log();
        let xds_server = self.xds_tls.server()?;
        let keyring = self.encryption_keys.keyring()?;
        let store = Store::connect(self.database_url.expose())?;
        let (xds, xds_address) = listen("--xds-listen", self.xds_listen).await?;
        let (admin, admin_address) = listen("--admin-listen", self.admin_listen).await?;
        tracing::info!(xds = %xds_address, admin = %admin_address, "listening");
        if self.xds_tls.is_off() && !xds_address.ip().is_loopback() {
            tracing::warn!(
                xds = %xds_address,
                "no TLS: whoever reaches this address gets the private keys of certificates by asking"
            );
        }

        let metrics = Arc::new(Metrics::default());
        let nodes = Arc::new(Nodes::new(Arc::clone(&metrics)));
        let publication = Publication::new(Arc::clone(&metrics));
        let (sender, releases) = watch::channel(None);
        let settings = Settings {
            listener: self.listener,
            wasm_dir: self.wasm_dir.clone(),
            sidecar: self.sidecar.clone(),
            trusted_ca: self.trusted_ca.clone(),
            key_usage: self.key_usage(),
        };
        let usage = Arc::new(Ledger::new(publication.clone()));
        let interval = Duration::from_secs(self.key_usage_interval_seconds.into());
        let writer = Writer::new(Arc::clone(&usage), store.clone(), Arc::clone(&metrics), interval);
        let publisher =
            Publisher::new(store.clone(), keyring, settings, self.merge(), sender, publication.clone());
        let grace = Duration::from_secs(self.removal_grace_seconds);
        let observer: Arc<Nodes> = Arc::clone(&nodes);
        let discovery = Discovery::new(releases.clone(), observer, grace);
        let usage = usage::router(usage, releases.clone(), Arc::clone(&metrics));
        let routes = Routes::from(discovery.into_router().merge(usage))
            .add_service(ClientStatus::new(Arc::clone(&nodes), releases).into_service());
        let breakers =
            Arc::new(Breakers::new(Arc::clone(&nodes), publication.clone(), self.breaker_interval()));
        let jwks = Arc::new(Jwks::new(publication.clone()));
        if let Some(interval) = self.breaker_interval() {
            let audience: [Arc<dyn Audience>; 2] = [Arc::clone(&breakers) as _, Arc::clone(&jwks) as _];
            tokio::spawn(Rounds::new(Arc::clone(&nodes), audience).run(interval));
        }
        let keeper =
            Keeper::new(store.clone(), Arc::clone(&jwks), &self.trusted_ca).map_err(CliError::NoTls)?;
        tokio::spawn(keeper.run());
        let admin_router = Admin::new(nodes, publication, breakers, jwks, &metrics).router();

        let (stop, stopping) = watch::channel(());
        let mut publishing = tokio::spawn(publisher.run());
        let mut servers = tokio::task::JoinSet::new();
        servers.spawn(serve_xds(xds_server, xds, routes, stopped(stopping.clone())));
        servers.spawn(serve_admin(admin, admin_router, stopped(stopping.clone())));
        servers.spawn(async {
            writer.run(stopped(stopping)).await;
            Ok(())
        });

        tokio::select! {
            signal = terminated() => signal?,
            ended = servers.join_next() => return Err(unexpected(ended)),
            // Without it nothing would ever change again; whoever watches the process starts it anew.
            ended = &mut publishing => {
                let reason = ended.err().map_or_else(String::new, |error| error.to_string());
                return Err(CliError::Stopped("the publisher", reason));
            }
        }
        tracing::info!("stopping");
        // Ending the publisher drops the sender of releases, and with it ends every stream.
        publishing.abort();
        drop(stop);
        if tokio::time::timeout(STOP_WITHIN, servers.join_all()).await.is_err() {
            tracing::warn!("requests under way were cut off");
        }
        Ok(())
    }

    fn breaker_interval(&self) -> Option<Duration> {
        let seconds = self.breaker_interval_seconds;
        (seconds > 0).then(|| Duration::from_secs(seconds.into()))
    }

    fn key_usage(&self) -> Option<UsageReports> {
        let cluster = &self.key_usage_cluster;
        (!cluster.is_empty()).then(|| UsageReports {
            cluster: cluster.clone(),
            authority: None,
            path: USAGE_PATH.to_owned(),
            interval_seconds: self.key_usage_interval_seconds,
            timeout_ms: KEY_USAGE_TIMEOUT_MS,
            gateway: None,
        })
    }

    fn merge(&self) -> Merge {
        Merge {
            quiet: Duration::from_millis(self.merge_quiet_ms),
            longest: Duration::from_millis(self.merge_longest_ms),
        }
    }

    fn start_log(&self) {
        let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(&self.log));
        match self.log_format {
            LogFormat::Text => log.init(),
            LogFormat::Json => log.json().init(),
        }
    }
}

/// Listens on an address; also returns it with the port that the system chose, if it was 0.
async fn listen(setting: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), CliError> {
    let failed = |source| CliError::Listen { setting, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

async fn serve_xds(
    server: Server,
    listener: TcpListener,
    routes: Routes,
    stopped: impl Future<Output = ()>,
) -> Result<(), CliError> {
    server
        .http2_keepalive_interval(Some(KEEPALIVE))
        .add_routes(routes)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stopped)
        .await
        .map_err(|error| CliError::Stopped("the xDS server", error.to_string()))
}

async fn serve_admin(
    listener: TcpListener,
    router: axum::Router,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Result<(), CliError> {
    axum::serve(listener, router)
        .with_graceful_shutdown(stopped)
        .await
        .map_err(|error| CliError::Stopped("the administration server", error.to_string()))
}

/// Ends when the sender is dropped.
async fn stopped(mut stopping: watch::Receiver<()>) {
    while stopping.changed().await.is_ok() {}
}

async fn terminated() -> Result<(), CliError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Signals)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn unexpected(ended: Option<Result<Result<(), CliError>, tokio::task::JoinError>>) -> CliError {
    match ended {
        Some(Ok(Err(error))) => error,
        Some(Err(error)) => CliError::Stopped("a server", error.to_string()),
        Some(Ok(Ok(()))) | None => CliError::Stopped("a server", "it ended by itself".to_owned()),
    }
}
