//! Hearing of changes.

use std::time::Duration;

use ferrox_xds_server::store::{Changed, Changes, Heard, NewRelease, Reading, Store};
use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool, postgres::PgListener};
use tokio::time::{Instant, timeout};

use crate::{PATIENCE, TABLES, consumer, hear, insert, insert_into, postgres::Postgres, read, sample, start};

/// Gives what changed.
async fn hear_and_refresh(changes: &mut Changes, reading: &mut Reading, store: &Store) -> Changed {
    assert_eq!(hear(changes).await, Heard::Change);
    let changed = reading.refresh(store).await.unwrap();
    assert_eq!(*reading.rows(), read(store).await);
    changed
}

#[tokio::test]
async fn every_kind_of_change_of_every_table_is_heard_and_read() {
    let (_postgres, store, mut sql) = start().await;
    let rows = sample::rows();
    insert(&mut sql, &rows).await;
    let mut changes = store.changes().await.unwrap();
    let mut reading = store.read().await.unwrap();
    // Rows that refer to others come last in the list and are deleted first.
    for table in TABLES.into_iter().rev() {
        sql.execute(AssertSqlSafe(format!("delete from {table}"))).await.unwrap();
        let deleted = hear_and_refresh(&mut changes, &mut reading, &store).await;
        assert!(!deleted.is_empty() && deleted != Changed::Everything, "{table}");
    }
    let column = |table| match table {
        "endpoints" => "upstream",
        "route_upstreams" | "route_mirrors" | "route_policies" => "route",
        "api_keys" => "sha256",
        _ => "name",
    };
    for table in TABLES {
        insert_into(table, &mut sql, &rows).await;
        let inserted = hear_and_refresh(&mut changes, &mut reading, &store).await;
        assert!(!inserted.is_empty() && inserted != Changed::Everything, "{table}");
        let column = column(table);
        sql.execute(AssertSqlSafe(format!("update {table} set {column} = {column}"))).await.unwrap();
        assert_eq!(hear_and_refresh(&mut changes, &mut reading, &store).await, inserted, "{table}");
    }
    for table in TABLES {
        sql.execute(AssertSqlSafe(format!("truncate {table} cascade"))).await.unwrap();
        assert_eq!(
            hear_and_refresh(&mut changes, &mut reading, &store).await,
            Changed::Everything,
            "{table}"
        );
    }
}

/// A connection that heard nothing of what came before, and the first thing that it hears from now on.
async fn first_heard(postgres: &Postgres, during: impl AsyncFnOnce()) -> String {
    let pool = PgPool::connect(&postgres.url()).await.unwrap();
    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    listener.listen("ferrox_changes").await.unwrap();
    during().await;
    pool.execute("select pg_notify('ferrox_changes', 'after')").await.unwrap();
    timeout(PATIENCE, listener.recv()).await.unwrap().unwrap().payload().to_owned()
}

#[tokio::test]
async fn a_statement_that_changes_no_row_is_no_change() {
    let (postgres, store, mut sql) = start().await;
    let mut reading = store.read().await.unwrap();
    let heard = first_heard(&postgres, async || {
        for statement in [
            "insert into gateways values ('ferrox') on conflict do nothing",
            "insert into upstreams select * from upstreams",
            "update consumers set name = 'x'",
            "delete from routes",
        ] {
            sql.execute(statement).await.unwrap();
        }
    })
    .await;
    assert_eq!(heard, "after");
    assert!(reading.refresh(&store).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_release_is_no_change() {
    let (postgres, store, _sql) = start().await;
    let heard = first_heard(&postgres, async || {
        store.record_release(&NewRelease::of(&consumer("a"))).await.unwrap();
    });
    assert_eq!(heard.await, "after");
}

async fn end_listeners(sql: &mut PgConnection) {
    let ended: Vec<bool> = sqlx::query_scalar(
        "select pg_terminate_backend(pid) from pg_stat_activity where query like 'LISTEN%' and pid <> pg_backend_pid()",
    )
    .fetch_all(sql)
    .await
    .unwrap();
    assert_eq!(ended, [true]);
}

#[tokio::test]
async fn a_lost_connection_is_told_and_later_changes_are_heard() {
    let (_postgres, store, mut sql) = start().await;
    let mut changes = store.changes().await.unwrap();
    end_listeners(&mut sql).await;
    assert_eq!(hear(&mut changes).await, Heard::Reconnected);
    sql.execute("insert into consumers values ('acme')").await.unwrap();
    assert_eq!(hear(&mut changes).await, Heard::Change);
    assert_eq!(read(&store).await, consumer("acme"));
}

#[tokio::test]
async fn a_lost_connection_is_told_even_if_the_wait_was_cancelled_while_it_was_made_anew() {
    let (_postgres, store, mut sql) = start().await;
    let mut changes = store.changes().await.unwrap();
    end_listeners(&mut sql).await;
    let deadline = Instant::now() + PATIENCE;
    for micros in (0..).map(|round| round * 50) {
        assert!(Instant::now() < deadline, "the loss is never told");
        if let Ok(heard) = timeout(Duration::from_micros(micros), changes.changed()).await {
            assert_eq!(heard.unwrap(), Heard::Reconnected);
            return;
        }
    }
}
