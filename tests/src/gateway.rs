//! The whole gateway: PostgreSQL, Redis, the sidecar, the control plane and Envoy.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, process::Command};

use crate::{
    Error, binaries,
    bootstrap::{Bootstrap, Protocol},
    control_plane::{ControlPlane, ControlPlaneOptions},
    envoy::{Envoy, EnvoyPorts},
    ports::Port,
    postgres::Postgres,
    redis::Redis,
    sidecar::{Place, Sidecar},
    tls::MutualTls,
    wait::{client, eventually},
};

/// Lines of each log that a failed test shows.
const TAIL: usize = 60;

/// A gateway on loopback.
///
/// When a test panics, the ends of all logs are shown as the gateway is dropped. So tests should `unwrap` rather than
/// return an error.
pub struct Gateway {
    /// The proxy; `None` before [`Gateway::open`].
    envoy: Option<Envoy>,
    /// The control plane.
    pub control_plane: ControlPlane,
    /// Another on the same database, if there is: see [`GatewayOptions::replica`].
    pub replica: Option<ControlPlane>,
    /// The sidecar.
    pub sidecar: Sidecar,
    /// What the sidecar talks to.
    pub redis: Redis,
    postgres: Database,
    database_url: String,
    listener: Port,
    envoy_ports: Option<EnvoyPorts>,
    options: GatewayOptions,
    folder: PathBuf,
    client: reqwest::Client,
    _temporary: Option<TempDir>,
}

/// Whose PostgreSQL server it is.
pub enum Database {
    /// Other gateways of this process use it too.
    Shared(Arc<Postgres>),
    /// This gateway may stop it.
    Own(Box<Postgres>),
}

/// What can be chosen about a gateway.
#[derive(Debug, Clone, Default)]
pub struct GatewayOptions {
    /// The variant of xDS between Envoy and the control plane.
    pub protocol: Protocol,
    /// Whether the gateway has a PostgreSQL server of its own, to be stopped.
    pub own_postgres: bool,
    /// Whether there are two control planes, for Envoy to choose from.
    pub replica: bool,
    /// What Envoy and the control planes use TLS with, if they do.
    pub tls: Option<MutualTls>,
    /// What secrets in the database are encrypted with, if not what our own environment says.
    pub encryption_keys: Option<String>,
    /// Whether the sidecar listens on a Unix socket rather than on its port.
    pub sidecar_socket: bool,
}

/// The ports of a gateway.
pub struct GatewayPorts {
    /// Where Envoy takes requests.
    pub listener: Port,
    /// Envoy's own.
    pub envoy: EnvoyPorts,
    /// The control plane, for Envoys.
    pub xds: Port,
    /// The control plane, for people.
    pub admin: Port,
    /// The sidecar.
    pub sidecar: Port,
    /// Redis.
    pub redis: Port,
}

impl GatewayPorts {
    /// Free ports.
    ///
    /// # Errors
    /// When there are none.
    pub fn free() -> Result<Self, Error> {
        Ok(Self {
            listener: Port::free()?,
            envoy: EnvoyPorts::free()?,
            xds: Port::free()?,
            admin: Port::free()?,
            sidecar: Port::free()?,
            redis: Port::free()?,
        })
    }
}

impl Gateway {
    /// A gateway that runs these rows (SQL statements, may be empty), with defaults for everything else.
    ///
    /// # Errors
    /// When a part does not start or PostgreSQL refuses a statement.
    pub async fn start(rows: &str) -> Result<Self, Error> {
        Self::start_with(rows, GatewayOptions::default()).await
    }

    /// A gateway that runs these rows (SQL statements, may be empty).
    ///
    /// # Errors
    /// When a part does not start or PostgreSQL refuses a statement.
    pub async fn start_with(rows: &str, options: GatewayOptions) -> Result<Self, Error> {
        let temporary = tempfile::Builder::new().prefix("ferrox-gateway-").tempdir();
        let temporary = temporary.map_err(Error::io("creating a temporary folder"))?;
        let postgres = match options.own_postgres {
            true => Database::Own(Box::new(Postgres::start_new().await?)),
            false => Database::Shared(Postgres::shared().await?),
        };
        let ports = GatewayPorts::free()?;
        let mut this = Self::prepare(temporary.path(), postgres, ports, options, &mut |_| {}).await?;
        this._temporary = Some(temporary);
        this.sql(rows).await?;
        this.open().await?;
        Ok(this)
    }

    /// Starts all but Envoy, so that rows can come before it. `report` hears which part is started next.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn prepare(
        folder: &Path,
        postgres: Database,
        ports: GatewayPorts,
        options: GatewayOptions,
        report: &mut (dyn FnMut(&'static str) + Send),
    ) -> Result<Self, Error> {
        let GatewayPorts { listener, envoy, xds, admin, sidecar, redis } = ports;
        let database_url = postgres.server().create_database(&postgres.database_name()).await?;
        report("Redis");
        let redis = Redis::start_in(folder, redis).await?;
        report("the Redis sidecar");
        let place = match options.sidecar_socket {
            true => Place::Socket(folder.join("sidecar.sock")),
            false => Place::Port(sidecar),
        };
        let sidecar = Sidecar::start_in(folder, place, &redis.url()).await?;
        report("the control plane");
        let start = async |name: &'static str, xds, admin| {
            let options = ControlPlaneOptions {
                name,
                xds,
                admin,
                database_url: &database_url,
                listener: &listener.address().to_string(),
                sidecar: &sidecar.address(),
                tls: options.tls.as_ref().map(|tls| &tls.control_plane),
                encryption_keys: options.encryption_keys.as_deref(),
            };
            ControlPlane::start_in(folder, options).await
        };
        let control_plane = start("control-plane", xds, admin).await?;
        let replica = match options.replica {
            true => Some(start("replica", Port::free()?, Port::free()?).await?),
            false => None,
        };
        Ok(Self {
            envoy: None,
            control_plane,
            replica,
            sidecar,
            redis,
            postgres,
            database_url,
            listener,
            envoy_ports: Some(envoy),
            options,
            folder: folder.to_path_buf(),
            client: client()?,
            _temporary: None,
        })
    }

    /// Starts Envoy and waits until it takes requests.
    ///
    /// # Errors
    /// When it does not.
    pub async fn open(&mut self) -> Result<(), Error> {
        if let Some(ports) = self.envoy_ports.take() {
            self.envoy = Some(Envoy::start_in(&self.folder, ports, &self.bootstrap("envoy-1")).await?);
        }
        let address = self.listener.address();
        eventually("Envoy listens for requests", async || TcpStream::connect(address).await.is_ok()).await
    }

    /// What an Envoy of this gateway is started with.
    #[must_use]
    pub fn bootstrap<'a>(&'a self, node: &'a str) -> Bootstrap<'a> {
        let control_planes = [&self.control_plane].into_iter().chain(&self.replica);
        Bootstrap {
            xds: control_planes.map(ControlPlane::xds_port).collect(),
            tls: self.options.tls.as_ref().map(|tls| &tls.envoy),
            ..Bootstrap::new(node, 0, self.options.protocol)
        }
    }

    /// Executes SQL statements in one transaction, which the control plane sees as one change.
    ///
    /// # Errors
    /// When PostgreSQL refuses one; then none of them happened.
    pub async fn sql(&self, statements: &str) -> Result<(), Error> {
        let mut connection = self.connect().await?;
        // Several statements in one message are one transaction.
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// A connection to the gateway's database.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn connect(&self) -> Result<PgConnection, Error> {
        Ok(PgConnection::connect(&self.database_url).await?)
    }

    /// URL of the database, with the password.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// Runs the command `ferrox` on the gateway's database, with these encryption keys.
    ///
    /// # Errors
    /// When it is not built.
    pub async fn ferrox(&self, args: &[&str], encryption_keys: &str) -> Result<Output, Error> {
        Command::new(binaries::ours("ferrox")?)
            .args(args)
            .env("FERROX_DATABASE_URL", &self.database_url)
            .env("FERROX_ENCRYPTION_KEYS", encryption_keys)
            .output()
            .await
            .map_err(Error::io("running ferrox"))
    }

    /// Runs the command `ferrox` on the gateway's database, with this on its standard input.
    ///
    /// # Errors
    /// When it is not built or cannot be fed.
    pub async fn ferrox_fed(&self, args: &[&str], input: &str) -> Result<Output, Error> {
        let fed = async || {
            let mut child = Command::new(binaries::ours("ferrox").map_err(std::io::Error::other)?)
                .args(args)
                .env("FERROX_DATABASE_URL", &self.database_url)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            // Closed at the end of the block, which is the end of the input.
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(input.as_bytes()).await?;
            }
            child.wait_with_output().await
        };
        fed().await.map_err(Error::io("running ferrox"))
    }

    /// URL of a path at the gateway.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listener.address())
    }

    /// Where the gateway takes requests.
    #[must_use]
    pub fn address(&self) -> std::net::SocketAddr {
        self.listener.address()
    }

    /// Sends a GET through the gateway.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn get(&self, path: &str) -> Result<reqwest::Response, Error> {
        Ok(self.client.get(self.url(path)).send().await?)
    }

    /// A client that follows no proxy of the environment.
    #[must_use]
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Waits until a GET answers with this status: how a change of rows is seen to be live.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn until(&self, path: &str, status: u16) -> Result<(), Error> {
        let what = format!("GET {path} answers {status}");
        eventually(&what, async || self.get(path).await.is_ok_and(|response| response.status() == status))
            .await
    }

    /// The control plane's status.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn status(&self) -> Result<serde_json::Value, Error> {
        self.control_plane.status().await
    }

    /// The proxy.
    ///
    /// # Errors
    /// Before [`Gateway::open`].
    pub fn envoy(&mut self) -> Result<&mut Envoy, Error> {
        self.envoy.as_mut().ok_or_else(not_open)
    }

    /// URL of a path of Envoy's admin interface.
    ///
    /// # Errors
    /// Before [`Gateway::open`].
    pub fn envoy_url(&self, path: &str) -> Result<String, Error> {
        self.envoy.as_ref().map(|envoy| envoy.url(path)).ok_or_else(not_open)
    }

    /// The PostgreSQL server.
    ///
    /// # Errors
    /// When others use it too: see [`GatewayOptions::own_postgres`].
    pub fn postgres(&mut self) -> Result<&mut Postgres, Error> {
        match &mut self.postgres {
            Database::Own(server) => Ok(server),
            Database::Shared(_) => Err(Error::Missing {
                what: "a PostgreSQL server of this gateway alone".to_owned(),
                hint: "start the gateway with own_postgres",
            }),
        }
    }

    /// The parts that ended by themselves since they were started, each with its end.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn ended(&mut self) -> Result<Vec<Error>, Error> {
        let mut ended = Vec::new();
        for service in self.services() {
            if let Some(status) = service.ended()? {
                ended.push(service.failed(status));
            }
        }
        Ok(ended)
    }

    /// Asks every part to stop, in the order in which they depend on each other.
    ///
    /// # Errors
    /// When one does not; all others are stopped all the same.
    pub async fn stop(&mut self) -> Result<(), Error> {
        let mut result = Ok(());
        for service in self.services() {
            result = result.and(service.stop().await);
        }
        result
    }

    fn services(&mut self) -> Vec<&mut crate::process::Service> {
        let mut services = Vec::new();
        services.extend(self.envoy.as_mut().map(Envoy::service));
        services.extend(self.replica.as_mut().map(ControlPlane::service));
        services.extend([self.control_plane.service(), self.sidecar.service(), self.redis.service()]);
        if let Database::Own(server) = &mut self.postgres {
            services.push(server.service());
        }
        services
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        if let Database::Shared(server) = &self.postgres {
            eprintln!("{}", server.log_tail(TAIL));
        }
        // Envoy's, which tells the most, comes last.
        for service in self.services().into_iter().rev() {
            eprintln!("{}", service.log_tail(TAIL));
        }
    }
}

impl Database {
    fn server(&self) -> &Postgres {
        match self {
            Self::Shared(server) => server,
            Self::Own(server) => server,
        }
    }

    /// A name for the gateway's database, which no other gateway on the server has.
    fn database_name(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        match self {
            Self::Shared(_) => format!("ferrox_{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            Self::Own(_) => "ferrox".to_owned(),
        }
    }
}

fn not_open() -> Error {
    Error::Missing { what: "Envoy".to_owned(), hint: "it is started by open()" }
}
