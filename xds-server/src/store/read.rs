//! Reading all rows as they were at one moment.

use sqlx::{FromRow, PgConnection, postgres::PgRow};

use super::{Rows, Store, StoreError};

impl Store {
    /// Reads every row, all as of the same moment, each table in the order of its key.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn read(&self) -> Result<Rows, StoreError> {
        read(self).await.map_err(StoreError::while_doing("read the rows"))
    }
}

async fn read(store: &Store) -> Result<Rows, sqlx::Error> {
    let mut transaction = store.pool.begin_with("begin isolation level repeatable read, read only").await?;
    let connection = &mut *transaction;
    let rows = Rows {
        gateways: all(connection, GATEWAYS).await?,
        upstreams: all(connection, UPSTREAMS).await?,
        endpoints: all(connection, ENDPOINTS).await?,
        routes: all(connection, ROUTES).await?,
        route_upstreams: all(connection, ROUTE_UPSTREAMS).await?,
        route_policies: all(connection, ROUTE_POLICIES).await?,
        jwt_providers: all(connection, JWT_PROVIDERS).await?,
        consumers: all(connection, CONSUMERS).await?,
        api_keys: all(connection, API_KEYS).await?,
    };
    transaction.commit().await?;
    Ok(rows)
}

async fn all<T>(connection: &mut PgConnection, query: &'static str) -> Result<Vec<T>, sqlx::Error>
where
    T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    sqlx::query_as(query).fetch_all(connection).await
}

// Sorted by bytes, whatever the database's locale is, so that every replica and every database agrees.

const GATEWAYS: &str = r#"
    select name, sharding
    from gateways order by name collate "C""#;

const UPSTREAMS: &str = r#"
    select name, connect_timeout_ms, failures, open_for_ms, max_connections, max_pending_requests, max_requests,
           max_retries
    from upstreams order by name collate "C""#;

const ENDPOINTS: &str = r#"
    select upstream, host(address) as address, port
    from endpoints order by upstream collate "C", endpoints.address, port"#;

const ROUTES: &str = r#"
    select name, hosts, path_exact, path_prefix, methods, timeout_ms, priority, gateways
    from routes order by name collate "C""#;

const ROUTE_UPSTREAMS: &str = r#"
    select route, upstream, weight
    from route_upstreams order by route collate "C", upstream collate "C""#;

const ROUTE_POLICIES: &str = r#"
    select route, kind, policy
    from route_policies order by route collate "C", kind collate "C""#;

const JWT_PROVIDERS: &str = r#"
    select name, issuer, audiences, jwks, leeway_seconds
    from jwt_providers order by name collate "C""#;

const CONSUMERS: &str = r#"
    select name, scopes
    from consumers order by name collate "C""#;

const API_KEYS: &str = r#"
    select encode(sha256, 'hex') as sha256, consumer
    from api_keys order by api_keys.sha256"#;
