//! Reading the tables: all rows, or those of some things.

use std::collections::BTreeSet;

use sqlx::{Executor, FromRow, PgConnection, postgres::PgRow};

use super::{CertificateRow, Changed, LiveRows, Rows, Things};

/// Waits for whoever empties a table (TRUNCATE) and holds off who would. It must come before the transaction's snapshot
/// is taken: to an older snapshot an emptied table shows no rows, which they were at no moment together with the others.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let lock =
        "lock table gateways, upstreams, endpoints, routes, route_upstreams, route_mirrors, route_policies, jwt_providers,
                consumers, api_keys, listeners, certificates, jwks_sets, revocations in access share mode";
    connection.execute(lock).await.map(drop)
}

/// The rows of what has changed, each table in the order of its key.
pub(super) async fn read(connection: &mut PgConnection, changed: &Changed) -> Result<Rows, sqlx::Error> {
    let of = |names: fn(&Things) -> &BTreeSet<String>| match changed {
        Changed::Everything => None,
        Changed::Things(things) => Some(names(things).iter().map(String::as_str).collect::<Vec<_>>()),
    };
    let gateway = of(|things| &things.gateways);
    let upstream = of(|things| &things.upstreams);
    let route = of(|things| &things.routes);
    let jwt_provider = of(|things| &things.jwt_providers);
    let consumer = of(|things| &things.consumers);
    let listener = of(|things| &things.listeners);
    let certificate = of(|things| &things.certificates);
    let jwks_set = of(|things| &things.jwks_sets);
    let revocation = of(|things| &things.revocations);
    let api_key = of(|things| &things.api_keys);
    Ok(Rows {
        gateways: GATEWAYS.read(connection, gateway.as_deref()).await?,
        upstreams: UPSTREAMS.read(connection, upstream.as_deref()).await?,
        endpoints: ENDPOINTS.read(connection, upstream.as_deref()).await?,
        routes: ROUTES.read(connection, route.as_deref()).await?,
        route_upstreams: ROUTE_UPSTREAMS.read(connection, route.as_deref()).await?,
        route_mirrors: ROUTE_MIRRORS.read(connection, route.as_deref()).await?,
        route_policies: ROUTE_POLICIES.read(connection, route.as_deref()).await?,
        jwt_providers: JWT_PROVIDERS.read(connection, jwt_provider.as_deref()).await?,
        consumers: CONSUMERS.read(connection, consumer.as_deref()).await?,
        listeners: LISTENERS.read(connection, listener.as_deref()).await?,
        certificates: CERTIFICATES.read(connection, certificate.as_deref()).await?,
        live: LiveRows {
            api_keys: API_KEYS.read(connection, api_key.as_deref()).await?,
            jwks_sets: JWKS_SETS.read(connection, jwks_set.as_deref()).await?,
            revocations: REVOCATIONS.read(connection, revocation.as_deref()).await?,
        },
    })
}

/// Every certificate.
pub(super) async fn certificates(connection: &mut PgConnection) -> Result<Vec<CertificateRow>, sqlx::Error> {
    CERTIFICATES.read(connection, None).await
}

/// How a table is read.
struct Table {
    all: &'static str,
    /// Of the things that `$1` names.
    some: &'static str,
}

impl Table {
    /// Reads the rows of the things of these names, or all.
    async fn read<T>(
        &self,
        connection: &mut PgConnection,
        names: Option<&[&str]>,
    ) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        match names {
            None => sqlx::query_as(self.all).fetch_all(connection).await,
            Some([]) => Ok(Vec::new()),
            Some(names) => sqlx::query_as(self.some).bind(names).fetch_all(connection).await,
        }
    }
}

/// `thing` is the column that names what a row belongs to.
macro_rules! table {
    (select $columns:literal from $table:literal of $thing:literal order by $order:literal) => {
        Table {
            all: concat!("select ", $columns, " from ", $table, " order by ", $order),
            some: concat!(
                "select ",
                $columns,
                " from ",
                $table,
                " where ",
                $thing,
                " = any($1) order by ",
                $order
            ),
        }
    };
}

macro_rules! revocations {
    () => {
        "select id::text as id, provider, jti, subject, extract(epoch from before)::bigint as before from revocations"
    };
}

macro_rules! api_keys {
    () => {
        "select encode(sha256, 'hex') as sha256, consumer, name, scopes, routes,
                extract(epoch from not_before)::bigint as not_before,
                extract(epoch from expires_at)::bigint as expires_at, disabled
         from api_keys"
    };
}

// Sorted by bytes, whatever the database's locale is, so that every replica and every database agrees.

const GATEWAYS: Table = table!(
    select "name, sharding"
    from "gateways" of "name" order by r#"name collate "C""#
);

const UPSTREAMS: Table = table!(
    select "name, connect_timeout_ms, failures, open_for_ms, max_connections, max_pending_requests, max_requests,
            max_retries, failure_on, max_out_percent, probe, force, retry_budget_percent, retry_budget_min,
            discovery, dns_refresh_ms, load_balancing, slow_start_ms, protocol, tls, idle_timeout_ms,
            max_requests_per_connection, tcp_keepalive, health_check"
    from "upstreams" of "name" order by r#"name collate "C""#
);

const ENDPOINTS: Table = table!(
    select "upstream, address, port, weight, zone, priority"
    from "endpoints" of "upstream" order by r#"upstream collate "C", address collate "C", port"#
);

const ROUTES: Table = table!(
    select "name, hosts, path_exact, path_prefix, path_regex, path_template, conditions, methods, timeout_ms,
            priority, gateways, enabled, maintenance, redirect, response, rewrite, idle_timeout_ms, max_stream_duration_ms, retry, request_headers, response_headers,
            cors, compression, max_request_bytes, upgrades, hash_on"
    from "routes" of "name" order by r#"name collate "C""#
);

const ROUTE_UPSTREAMS: Table = table!(
    select "route, upstream, weight"
    from "route_upstreams" of "route" order by r#"route collate "C", upstream collate "C""#
);

const ROUTE_MIRRORS: Table = table!(
    select "route, upstream, percent"
    from "route_mirrors" of "route" order by r#"route collate "C", upstream collate "C""#
);

const ROUTE_POLICIES: Table = table!(
    select "route, kind, policy"
    from "route_policies" of "route" order by r#"route collate "C", kind collate "C""#
);

const JWT_PROVIDERS: Table = table!(
    select "name, issuer, audiences, jwks, jwks_uri, discovery, jwks_refresh_seconds, leeway_seconds, algorithms, allow_missing_exp,
            max_lifetime_seconds, claims"
    from "jwt_providers" of "name" order by r#"name collate "C""#
);

const CONSUMERS: Table = table!(
    select "name, scopes"
    from "consumers" of "name" order by r#"name collate "C""#
);

/// Named by their digests in hex, and looked for by the bytes, which are indexed.
const API_KEYS: Table = Table {
    all: concat!(api_keys!(), " order by api_keys.sha256"),
    some: concat!(
        api_keys!(),
        " where sha256 = any(array(select decode(name, 'hex') from unnest($1) name)) order by api_keys.sha256"
    ),
};

const LISTENERS: Table = table!(
    select "name, gateways, host(address) as address, port, protocol, http2, certificates, default_certificate,
            redirect_https_port, trusted_hops, proxy_protocol, trusted_proxies::text[] as trusted_proxies,
            idle_timeout_ms, stream_idle_timeout_ms, request_headers_timeout_ms, request_timeout_ms,
            max_request_headers_kb, max_connections"
    from "listeners" of "name" order by r#"name collate "C""#
);

const CERTIFICATES: Table = table!(
    select r#"name, chain, encode(private_key, 'hex') as private_key,
              to_char(not_after at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as not_after"#
    from "certificates" of "name" order by r#"name collate "C""#
);

const JWKS_SETS: Table = table!(
    select "provider, source, jwks"
    from "jwks_sets" of "provider" order by r#"provider collate "C""#
);

/// Named by their numbers as text, and looked for by the numbers, which are indexed.
const REVOCATIONS: Table = Table {
    all: concat!(revocations!(), " order by revocations.id::text collate \"C\""),
    some: concat!(
        revocations!(),
        " where revocations.id = any($1::text[]::bigint[]) order by revocations.id::text collate \"C\""
    ),
};
