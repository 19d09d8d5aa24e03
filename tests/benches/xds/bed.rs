//! What runs while it is measured: PostgreSQL with all rows, and the control plane.

use std::time::Duration;

use envoy_types::pb::envoy::{
    config::route::v3::{RouteConfiguration, ScopedRouteConfiguration},
    service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse},
};
use ferrox_testbed::{
    bootstrap::Protocol,
    control_plane::{ControlPlane, ControlPlaneOptions},
    ports::Port,
    postgres::Postgres,
    upstream::Upstream,
    wait::{PATIENCE, eventually},
};
use prost::Message as _;
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    Failure, Options,
    call::Connection,
    proxy::{SCOPES, node, open},
    rows::{Rows, Sharding},
    server::Server,
    table::{Measurement, Times},
};

/// Pause before a server that does not listen yet is tried again.
const PAUSE: Duration = Duration::from_millis(2);

/// Everything that runs. It ends when this value is dropped.
pub(crate) struct Bed {
    pub(crate) control_plane: ControlPlane,
    /// The database, for changes.
    pub(crate) database: PgConnection,
    /// Where Envoy listens.
    pub(crate) listener: Port,
    pub(crate) folder: TempDir,
    pub(crate) rows: Rows,
    pub(crate) client: reqwest::Client,
    _live: Upstream,
    _sidecar: Port,
    _postgres: Postgres,
}

impl Bed {
    /// Starts everything with an empty database, stops the control plane, and fills the database.
    pub(crate) async fn start(rows: Rows) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("ferrox-bench-xds-").tempdir()?;
        let (listener, sidecar) = (Port::free()?, Port::free()?);
        let postgres = Postgres::start_new().await?;
        let database_url = postgres.create_database("ferrox").await?;
        let options = ControlPlaneOptions {
            name: "control-plane",
            xds: Port::free()?,
            admin: Port::free()?,
            database_url: &database_url,
            listener: &listener.address().to_string(),
            sidecar: &sidecar.address().to_string(),
            tls: None,
            encryption_keys: None,
        };
        // It makes its tables.
        let mut control_plane = ControlPlane::start_in(folder.path(), options).await?;
        control_plane.service().stop().await?;
        let live = Upstream::start_new("live")?;
        let mut database = PgConnection::connect(&database_url).await?;
        rows.insert(&mut database, live.port()).await?;
        Ok(Self {
            control_plane,
            database,
            listener,
            folder,
            rows,
            client: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?,
            _live: live,
            _sidecar: sidecar,
            _postgres: postgres,
        })
    }

    /// Starts the control plane, and measures how long it takes until a proxy has all routes.
    pub(crate) async fn serve(&mut self, options: &Options) -> Result<(Server, Measurement), Failure> {
        let address = self.xds();
        let started = Instant::now();
        let (served, answered) =
            tokio::join!(self.control_plane.start(), timeout(PATIENCE, first_answer(address, self.rows)));
        served?;
        let (at, bytes) = answered??;
        let id = self.control_plane.service().id().ok_or("the control plane does not run")?;
        let server = Server::new(id, options.max_server_mib << 20);
        let mut time = Times::default();
        time.add(at - started);
        let measurement = Measurement {
            what: "start to first answer with all routes".to_owned(),
            count: 1,
            last: time,
            bytes: Some(bytes),
            cpu: server.cpu()?,
            peak: server.peak()?,
            ..Measurement::default()
        };
        Ok((server, measurement))
    }

    pub(crate) fn xds(&self) -> std::net::SocketAddr {
        std::net::SocketAddr::from(([127, 0, 0, 1], self.control_plane.xds_port()))
    }

    /// Waits until the control plane knows so many nodes, and each has accepted all that it was sent.
    pub(crate) async fn all_accepted(&self, nodes: usize) -> Result<(), Failure> {
        let url = self.control_plane.url("/status");
        let what = format!("{nodes} nodes have accepted all that they were sent");
        eventually(&what, async || {
            let Ok(response) = self.client.get(&url).send().await else { return false };
            let Ok(status) = response.json::<serde_json::Value>().await else { return false };
            let Some(list) = status.get("nodes").and_then(serde_json::Value::as_array) else { return false };
            list.len() == nodes && list.iter().all(has_accepted)
        })
        .await?;
        Ok(())
    }
}

fn has_accepted(node: &serde_json::Value) -> bool {
    let kinds = node.get("resources").and_then(serde_json::Value::as_object);
    kinds.is_some_and(|kinds| {
        kinds.values().all(|kind| kind.get("sent").is_some() && kind.get("sent") == kind.get("accepted"))
    })
}

/// Asks for the routes until they come; returns when, and the size of the answer.
async fn first_answer(address: std::net::SocketAddr, rows: Rows) -> Result<(Instant, usize), Failure> {
    let connection = loop {
        match Connection::open(address).await {
            Ok(connection) => break connection,
            Err(_) => sleep(PAUSE).await,
        }
    };
    let request = DeltaDiscoveryRequest {
        node: node("first".to_owned()),
        type_url: rows.sharding.routes().to_owned(),
        resource_names_subscribe: match rows.sharding {
            Sharding::None => vec!["ferrox".to_owned()],
            Sharding::Host => Vec::new(),
        },
        ..DeltaDiscoveryRequest::default()
    };
    let (_sender, mut receiver) = open(&connection, Protocol::Delta, &request).await?;
    let mut message = Vec::new();
    let length = receiver.message(|piece| {
        message.extend_from_slice(piece);
        Ok(())
    });
    let length = length.await?;
    let at = Instant::now();
    let found = count_routes(&message)?;
    if found != rows.routes {
        return Err(format!("the first answer has {found} routes instead of {}", rows.routes).into());
    }
    Ok((at, length))
}

fn count_routes(message: &[u8]) -> Result<usize, Failure> {
    let mut count = 0;
    for resource in DeltaDiscoveryResponse::decode(message)?.resources {
        let any = resource.resource.ok_or("a resource has no content")?;
        let configuration = match any.type_url.as_str() {
            SCOPES => ScopedRouteConfiguration::decode(any.value.as_slice())?.route_configuration,
            _ => Some(RouteConfiguration::decode(any.value.as_slice())?),
        };
        let configuration = configuration.ok_or("a scope has no routes")?;
        count += configuration.virtual_hosts.iter().map(|host| host.routes.len()).sum::<usize>();
    }
    Ok(count)
}
