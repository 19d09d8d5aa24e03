//! The store with a real PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a failed expectation in a test is a failed test"
)]

mod hearing;
mod history;
mod live;
#[path = "../postgres/mod.rs"]
mod postgres;
mod pruning;
mod reading;
mod refreshing;
mod releases;
#[path = "../sample/rows.rs"]
mod sample;
mod schema;
mod usage;

use std::time::Duration;

use ferrox_xds_server::store::{Changes, ConsumerRow, Heard, Rows, Store};
use postgres::Postgres;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// So long an event may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(20);

const TABLES: [&str; 12] = [
    "gateways",
    "upstreams",
    "endpoints",
    "routes",
    "route_upstreams",
    "route_mirrors",
    "route_policies",
    "jwt_providers",
    "consumers",
    "api_keys",
    "certificates",
    "listeners",
];

async fn start() -> (Postgres, Store, PgConnection) {
    let postgres = Postgres::start();
    let store = Store::connect(&postgres.url()).unwrap();
    store.migrate().await.unwrap();
    let sql = PgConnection::connect(&postgres.url()).await.unwrap();
    (postgres, store, sql)
}

/// All tables by their names, also the live ones, which the rows keep to themselves.
fn to_json(rows: &Rows) -> Value {
    let (mut json, live) = (serde_json::to_value(rows).unwrap(), serde_json::to_value(&rows.live).unwrap());
    json.as_object_mut().unwrap().extend(live.as_object().unwrap().clone());
    json
}

async fn insert(sql: &mut PgConnection, rows: &Rows) {
    // A new database has a gateway already.
    sql.execute("delete from gateways").await.unwrap();
    for table in TABLES {
        insert_into(table, sql, rows).await;
    }
}

async fn insert_into(table: &str, sql: &mut PgConnection, rows: &Rows) {
    let mut json = to_json(rows);
    for key in json["api_keys"].as_array_mut().unwrap() {
        key["sha256"] = format!("\\x{}", key["sha256"].as_str().unwrap()).into();
        key["created_at"] = "2026-01-01T00:00:00Z".into();
        for time in ["not_before", "expires_at"] {
            if let Some(seconds) = key.get(time).and_then(Value::as_i64) {
                let time_of_day: Value = sqlx::query_scalar("select to_json(to_timestamp($1::bigint))")
                    .bind(seconds)
                    .fetch_one(&mut *sql)
                    .await
                    .unwrap();
                key[time] = time_of_day;
            }
        }
    }
    for certificate in json["certificates"].as_array_mut().into_iter().flatten() {
        certificate["private_key"] = format!("\\x{}", certificate["private_key"].as_str().unwrap()).into();
    }
    let mut transaction = sql.begin().await.unwrap();
    for row in json[table].as_array().into_iter().flatten() {
        // Only the columns that are there, so that all others get their defaults.
        let columns = row.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let statement = format!(
            "insert into {table} ({columns}) select {columns} from jsonb_populate_record(null::{table}, $1)"
        );
        sqlx::query(AssertSqlSafe(statement)).bind(row).execute(&mut *transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

async fn hear(changes: &mut Changes) -> Heard {
    tokio::time::timeout(PATIENCE, changes.changed()).await.expect("a change is heard").unwrap()
}

async fn read(store: &Store) -> Rows {
    store.read().await.unwrap().rows().clone()
}

fn consumer(name: &str) -> Rows {
    let consumer = ConsumerRow { name: name.to_owned(), scopes: Vec::new() };
    Rows { consumers: vec![consumer], ..Rows::default() }
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
