//! The store with a real PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a failed expectation in a test is a failed test"
)]

mod postgres;
#[path = "sample/rows.rs"]
mod sample;

use std::time::Duration;

use ferrox_xds_server::store::{Changes, ConsumerRow, Rows, Store};
use postgres::Postgres;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, postgres::PgListener};

/// So long an event may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(20);

const TABLES: [&str; 9] = [
    "gateways",
    "upstreams",
    "endpoints",
    "routes",
    "route_upstreams",
    "route_policies",
    "jwt_providers",
    "consumers",
    "api_keys",
];

async fn start() -> (Postgres, Store, PgConnection) {
    let postgres = Postgres::start();
    let store = Store::connect(&postgres.url()).unwrap();
    store.migrate().await.unwrap();
    let sql = PgConnection::connect(&postgres.url()).await.unwrap();
    (postgres, store, sql)
}

async fn insert(sql: &mut PgConnection, rows: &Rows) {
    let mut json = serde_json::to_value(rows).unwrap();
    for key in json["api_keys"].as_array_mut().unwrap() {
        key["sha256"] = format!("\\x{}", key["sha256"].as_str().unwrap()).into();
        key["created_at"] = "2026-01-01T00:00:00Z".into();
    }
    // A new database has a gateway already.
    sql.execute("delete from gateways").await.unwrap();
    for table in TABLES {
        let statement =
            format!("insert into {table} select * from jsonb_populate_recordset(null::{table}, $1)");
        sqlx::query(AssertSqlSafe(statement)).bind(&json[table]).execute(&mut *sql).await.unwrap();
    }
}

async fn hear(changes: &mut Changes) {
    tokio::time::timeout(PATIENCE, changes.changed()).await.expect("a change is heard").unwrap();
}

fn consumer(name: &str) -> Rows {
    let consumer = ConsumerRow { name: name.to_owned(), scopes: Vec::new() };
    Rows { consumers: vec![consumer], ..Rows::default() }
}

#[tokio::test]
async fn replicas_that_start_together_migrate_once() {
    let postgres = Postgres::start();
    let replicas = [(); 4].map(|()| Store::connect(&postgres.url()).unwrap());
    let [a, b, c, d] = &replicas;
    let (a, b, c, d) = tokio::join!(a.migrate(), b.migrate(), c.migrate(), d.migrate());
    a.and(b).and(c).and(d).unwrap();
    assert_eq!(replicas[0].read().await.unwrap(), Rows::default());
}

#[tokio::test]
async fn the_tables_live_in_whatever_schema_comes_first() {
    let (postgres, _, mut sql) = start().await;
    sql.execute("create schema gateway").await.unwrap();
    sql.execute("insert into public.consumers values ('public')").await.unwrap();
    let store = Store::connect(&format!("{}&options=-csearch_path%3Dgateway", postgres.url())).unwrap();
    store.migrate().await.unwrap();
    sql.execute("insert into gateway.consumers values ('acme')").await.unwrap();
    assert_eq!(store.read().await.unwrap(), consumer("acme"));
}

#[tokio::test]
async fn an_older_version_runs_on_a_newer_schema() {
    let (_postgres, store, mut sql) = start().await;
    sql.execute(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'of a newer version', true, '', 0)",
    )
    .await
    .unwrap();
    store.migrate().await.unwrap();
}

#[tokio::test]
async fn rows_are_read_as_they_were_written_in_the_order_of_their_keys() {
    let (_postgres, store, mut sql) = start().await;
    let mut rows = sample::rows();
    insert(&mut sql, &rows).await;
    assert_eq!(store.read().await.unwrap(), rows);
    assert_eq!(store.read().await.unwrap().digest(), rows.digest());

    sql.execute("insert into consumers (name) values ('ZZ'), ('a-b'), ('aa')").await.unwrap();
    let names = ["ZZ", "a-b", "aa", "acme"].map(|name| ConsumerRow {
        name: name.to_owned(),
        scopes: rows
            .consumers
            .iter()
            .filter(|row| row.name == name)
            .flat_map(|row| row.scopes.clone())
            .collect(),
    });
    rows.consumers = names.to_vec();
    assert_eq!(store.read().await.unwrap(), rows);
}

#[tokio::test]
async fn the_database_refuses_what_it_can_judge() {
    let (_postgres, _store, mut sql) = start().await;
    insert(&mut sql, &sample::rows()).await;
    for statement in [
        "insert into gateways values ('A')",
        "insert into gateways values ('a_b')",
        "insert into gateways values ('ferrox')",
        "insert into upstreams (name) values ('A')",
        "insert into upstreams (name) values ('a_b')",
        "insert into upstreams (name) values ('a-')",
        "insert into upstreams (name) values ('')",
        "insert into upstreams (name) values (repeat('a', 64))",
        "update upstreams set connect_timeout_ms = 0",
        "update upstreams set connect_timeout_ms = 60001",
        "update upstreams set failures = 0",
        "update upstreams set open_for_ms = 99",
        "update upstreams set max_requests = -1",
        "delete from upstreams",
        "insert into endpoints values ('nobody', '10.0.0.1', 80)",
        "insert into endpoints values ('orders', '10.0.0.0/24', 80)",
        "insert into endpoints values ('orders', 'fd00::/64', 80)",
        "insert into endpoints values ('orders', '10.0.0.9', 0)",
        "insert into endpoints values ('orders', '10.0.0.9', 65536)",
        "insert into endpoints values ('orders', '10.0.0.1', 8080)",
        "update routes set hosts = '{}'",
        "update routes set hosts = '{null}'",
        "update routes set hosts = '{{a},{b}}'",
        "update routes set methods = '{null}'",
        "update routes set path_exact = '/x', path_prefix = '/x'",
        "update routes set path_exact = null, path_prefix = null",
        "update routes set path_exact = null, path_prefix = 'x'",
        "update routes set gateways = '{}'",
        "update routes set gateways = '{null}'",
        "update routes set gateways = '{{a},{b}}'",
        "update routes set gateways = null",
        "update routes set timeout_ms = 0",
        "update routes set timeout_ms = 3600001",
        "insert into route_upstreams values ('orders', 'nobody', 1)",
        "insert into route_upstreams values ('nothing', 'orders', 1)",
        "update route_upstreams set weight = -1",
        "update route_upstreams set weight = 1000001",
        "insert into route_policies values ('orders', 'cors', '{}')",
        "update route_policies set policy = '[]'",
        "insert into jwt_providers values ('b', 'https://id.example.com', '{a}', '{\"keys\": []}')",
        "update jwt_providers set audiences = '{}'",
        "update jwt_providers set jwks = '{}'",
        "update jwt_providers set jwks = '{\"keys\": {}}'",
        "update jwt_providers set leeway_seconds = 301",
        "insert into consumers values ('a b')",
        "insert into consumers values ('')",
        "update consumers set scopes = '{null}'",
        "update api_keys set sha256 = 'short'",
        "update api_keys set consumer = 'nobody'",
    ] {
        let refused = sql.execute(statement).await.expect_err(statement);
        let code = refused.as_database_error().and_then(|error| error.code()).unwrap().into_owned();
        // Class 23: integrity constraint violation. A statement that is itself wrong is class 42.
        assert!(code.starts_with("23"), "{statement}: {refused}");
    }
}

#[tokio::test]
async fn a_name_can_be_changed_and_what_belongs_to_a_row_goes_with_it() {
    let (_postgres, store, mut sql) = start().await;
    insert(&mut sql, &sample::rows()).await;
    sql.execute("update upstreams set name = 'orders-v1' where name = 'orders'").await.unwrap();
    sql.execute("delete from routes").await.unwrap();
    sql.execute("delete from consumers").await.unwrap();
    let rows = store.read().await.unwrap();
    assert_eq!(rows.endpoints.iter().filter(|row| row.upstream == "orders-v1").count(), 2);
    assert!(rows.route_upstreams.is_empty() && rows.route_policies.is_empty() && rows.api_keys.is_empty());
}

#[tokio::test]
async fn a_read_shows_one_moment() {
    let (_postgres, store, mut sql) = start().await;
    // There is always either an upstream or a consumer.
    sql.execute("insert into upstreams (name) values ('x')").await.unwrap();
    let writer = tokio::spawn(async move {
        for _ in 0..100 {
            sql.execute("begin; delete from upstreams; insert into consumers values ('x'); commit")
                .await
                .unwrap();
            sql.execute("begin; delete from consumers; insert into upstreams values ('x'); commit")
                .await
                .unwrap();
        }
    });
    while !writer.is_finished() {
        let rows = store.read().await.unwrap();
        assert_eq!(rows.upstreams.len() + rows.consumers.len(), 1, "{rows:?}");
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn every_kind_of_change_of_every_table_is_heard() {
    let (_postgres, store, mut sql) = start().await;
    let mut changes = store.changes().await.unwrap();
    for table in TABLES {
        // Statement triggers fire without rows too.
        for statement in [
            format!("insert into {table} select * from {table} where false"),
            format!("delete from {table}"),
            format!("truncate {table} cascade"),
        ] {
            sql.execute(AssertSqlSafe(statement)).await.unwrap();
            hear(&mut changes).await;
        }
    }
    sql.execute("update consumers set name = name").await.unwrap();
    hear(&mut changes).await;
}

#[tokio::test]
async fn a_release_is_no_change() {
    let (postgres, store, mut sql) = start().await;
    let mut listener = PgListener::connect_with(&pool(&postgres).await).await.unwrap();
    listener.listen("ferrox_changes").await.unwrap();
    store.record_release(&consumer("a")).await.unwrap();
    sql.execute("select pg_notify('ferrox_changes', 'after')").await.unwrap();
    let first = tokio::time::timeout(PATIENCE, listener.recv()).await.unwrap().unwrap();
    assert_eq!(first.payload(), "after");
}

async fn pool(postgres: &Postgres) -> sqlx::PgPool {
    sqlx::PgPool::connect(&postgres.url()).await.unwrap()
}

#[tokio::test]
async fn a_lost_connection_counts_as_a_change_and_later_ones_are_heard() {
    let (_postgres, store, mut sql) = start().await;
    let mut changes = store.changes().await.unwrap();
    let ended: Vec<bool> = sqlx::query_scalar(
        "select pg_terminate_backend(pid) from pg_stat_activity where query like 'LISTEN%' and pid <> pg_backend_pid()",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    assert_eq!(ended, [true]);
    hear(&mut changes).await;
    sql.execute("insert into consumers values ('acme')").await.unwrap();
    hear(&mut changes).await;
    assert_eq!(store.read().await.unwrap(), consumer("acme"));
}

#[tokio::test]
async fn a_release_is_new_when_it_differs_from_the_newest() {
    let (_postgres, store, _sql) = start().await;
    assert!(store.last_release().await.unwrap().is_none());
    let (a, b) = (consumer("a"), sample::rows());
    let first = store.record_release(&a).await.unwrap();
    assert_eq!(first.digest, a.digest());
    assert_eq!(store.record_release(&a).await.unwrap(), first);
    let second = store.record_release(&b).await.unwrap();
    assert_eq!(store.last_release().await.unwrap(), Some((second.clone(), b)));
    let back = store.record_release(&a).await.unwrap();
    assert_eq!(back.digest, first.digest);
    assert!(first.id < second.id && second.id < back.id);
    assert_eq!(store.last_release().await.unwrap(), Some((back, a)));
}

#[tokio::test]
async fn replicas_that_release_the_same_rows_share_one_release() {
    let (postgres, store, mut sql) = start().await;
    let other = Store::connect(&postgres.url()).unwrap();
    for round in 0..20 {
        let rows = consumer(&round.to_string());
        let (a, b) = tokio::join!(store.record_release(&rows), other.record_release(&rows));
        assert_eq!(a.unwrap(), b.unwrap());
    }
    let count: i64 = sqlx::query_scalar("select count(*) from releases").fetch_one(&mut sql).await.unwrap();
    assert_eq!(count, 20);
}

#[tokio::test]
async fn the_newest_hundred_releases_are_kept() {
    let (_postgres, store, mut sql) = start().await;
    let mut last = store.record_release(&Rows::default()).await.unwrap();
    for round in 0..103 {
        last = store.record_release(&consumer(&round.to_string())).await.unwrap();
    }
    let (count, newest): (i64, i64) =
        sqlx::query_as("select count(*), max(id) from releases").fetch_one(&mut sql).await.unwrap();
    assert_eq!((count, newest), (100, last.id));
}

#[tokio::test]
async fn a_failure_tells_no_password() {
    let url = "postgres://ferrox:secret@localhost:x/gateway";
    let refused = Store::connect(url).expect_err("no port");
    assert!(!format!("{refused} {refused:?}").contains("secret"), "{refused:?}");

    // Nothing listens on port 1; that the store exists all the same lets a server start before its database.
    let store = Store::connect("postgres://ferrox:secret@127.0.0.1:1/gateway").unwrap();
    for failed in [store.read().await.err(), store.migrate().await.err(), store.changes().await.err()] {
        let failed = failed.expect("no database");
        assert!(!format!("{failed} {failed:?}").contains("secret"), "{failed:?}");
    }
}
