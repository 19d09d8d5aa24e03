//! The rows that are served, and their changes.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::time::Instant;

use crate::{
    Failure,
    proxy::{CLUSTERS, ENDPOINTS, ROUTES, SCOPES},
};

/// Routes of one host, and of one upstream.
const ROUTES_EACH: usize = 10;

/// The one route whose upstream is really there.
const LIVE: &str = "r00000";
/// Its host.
pub(crate) const LIVE_HOST: &str = "h0000.example.com";

/// How many rows there are: ten routes for each host and each upstream, about every second route with a policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) routes: usize,
    pub(crate) sharding: Sharding,
}

/// How the routes of the gateway are cut into resources.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Sharding {
    None,
    Host,
}

impl Sharding {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Host => "host",
        }
    }

    /// The type of the resources in which routes come.
    pub(crate) fn routes(self) -> &'static str {
        match self {
            Self::None => ROUTES,
            Self::Host => SCOPES,
        }
    }
}

/// One row that is changed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    Route,
    Endpoint,
    Upstream,
}

impl Change {
    pub(crate) const ALL: [Self; 3] = [Self::Route, Self::Endpoint, Self::Upstream];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Route => "one route",
            Self::Endpoint => "one endpoint",
            Self::Upstream => "one upstream",
        }
    }

    /// Types of what every proxy is sent for it. Endpoints come again with their cluster.
    pub(crate) fn types(self, sharding: Sharding) -> Vec<&'static str> {
        match self {
            Self::Route => vec![sharding.routes()],
            Self::Endpoint => vec![ENDPOINTS],
            Self::Upstream => vec![CLUSTERS, ENDPOINTS],
        }
    }

    /// The change of this number: none of them restores what was before.
    fn sql(self, rows: Rows, number: usize) -> String {
        // Spread over all rows.
        let place = number * 7919;
        let (route, upstream) = (1 + place % (rows.routes - 1), place % rows.hosts());
        match self {
            Self::Route => {
                format!("update routes set timeout_ms = {} where name = 'r{route:05}'", 20_000 + number)
            }
            Self::Endpoint => format!(
                "update endpoints set port = {} where upstream = 'u{upstream:04}' and address = '127.1.0.2'",
                10_000 + number
            ),
            Self::Upstream => format!(
                "update upstreams set connect_timeout_ms = {} where name = 'u{upstream:04}'",
                2_000 + number
            ),
        }
    }
}

impl Rows {
    fn hosts(self) -> usize {
        self.routes / ROUTES_EACH
    }

    /// Names of the upstreams.
    pub(crate) fn upstreams(self) -> impl Iterator<Item = String> {
        (0..self.hosts()).map(|number| format!("u{number:04}"))
    }

    /// Inserts all rows. The first endpoint of the first upstream is at `port`; nobody listens at the others.
    pub(crate) async fn insert(self, connection: &mut PgConnection, port: u16) -> Result<(), Failure> {
        let (routes, hosts) = (self.routes - 1, self.hosts() - 1);
        let sharding = self.sharding.name();
        let statements = format!(
            r#"
            update gateways set sharding = '{sharding}';
            insert into upstreams (name)
                select 'u' || lpad(n::text, 4, '0') from generate_series(0, {hosts}) n;
            insert into endpoints (upstream, address, port)
                select 'u' || lpad(n::text, 4, '0'), '127.1.0.2', 9000 from generate_series(1, {hosts}) n
                union all
                select 'u' || lpad(n::text, 4, '0'), '127.1.0.3', 9000 from generate_series(1, {hosts}) n
                union all
                select 'u0000', '127.0.0.1', {port};
            insert into routes (name, hosts, path_prefix)
                select 'r' || lpad(n::text, 5, '0'),
                       array['h' || lpad((n / {ROUTES_EACH})::text, 4, '0') || '.example.com'],
                       '/path-' || n % {ROUTES_EACH}
                from generate_series(0, {routes}) n;
            insert into route_upstreams (route, upstream)
                select 'r' || lpad(n::text, 5, '0'), 'u' || lpad((n / {ROUTES_EACH})::text, 4, '0')
                from generate_series(0, {routes}) n;
            insert into route_policies (route, kind, policy)
                select 'r' || lpad(n::text, 5, '0'), 'auth', '{{"jwt": {{}}, "scopes": ["orders:read"]}}'
                from generate_series(1, {routes}, 4) n;
            insert into route_policies (route, kind, policy)
                select 'r' || lpad(n::text, 5, '0'), 'rate_limit',
                       '{{"limits": [{{"name": "per-address", "by": "address", "requests": 100, "window_seconds": 60}}]}}'
                from generate_series(3, {routes}, 4) n;
            analyze;
            "#
        );
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(connection).await?;
        Ok(())
    }

    /// Commits the change of this number; returns when the commit was asked for.
    pub(crate) async fn change(
        self,
        connection: &mut PgConnection,
        change: Change,
        number: usize,
    ) -> Result<Instant, Failure> {
        update(connection, change.sql(self, number)).await
    }

    /// Gives the live route this path; returns when the commit was asked for.
    pub(crate) async fn move_live(
        self,
        connection: &mut PgConnection,
        path: &str,
    ) -> Result<Instant, Failure> {
        update(connection, format!("update routes set path_prefix = '{path}' where name = '{LIVE}'")).await
    }
}

/// Updates one row in a transaction of its own.
async fn update(connection: &mut PgConnection, sql: String) -> Result<Instant, Failure> {
    let mut transaction = connection.begin().await?;
    let updated = sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut *transaction).await?;
    if updated.rows_affected() != 1 {
        return Err(format!("{} rows instead of one: {sql}", updated.rows_affected()).into());
    }
    let committed = Instant::now();
    transaction.commit().await?;
    Ok(committed)
}
