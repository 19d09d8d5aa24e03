//! Forgetting what changed long ago.

use std::time::Duration;

use ferrox_xds_server::store::{Changed, Store};
use sqlx::{Connection, Executor, PgConnection};

use crate::{read, start};

/// Prunes all that can be pruned.
async fn prune(store: &Store) {
    let mut pruner = store.pruner(Duration::ZERO);
    // The first time it only remembers what has ended by then.
    for _ in 0..2 {
        pruner.prune().await.unwrap();
    }
}

async fn recorded(sql: &mut PgConnection) -> Vec<(String, Option<String>)> {
    sqlx::query_as("select kind, name from changes order by xid, kind, name").fetch_all(sql).await.unwrap()
}

#[tokio::test]
async fn who_has_not_seen_what_was_pruned_reads_everything() {
    let (_postgres, store, mut sql) = start().await;
    let mut behind = store.read().await.unwrap();
    sql.execute("insert into consumers values ('a')").await.unwrap();
    sql.execute("insert into consumers values ('b')").await.unwrap();
    let mut up_to_date = store.read().await.unwrap();
    prune(&store).await;
    assert_eq!(recorded(&mut sql).await, [("pruned".to_owned(), None)]);

    assert!(up_to_date.refresh(&store).await.unwrap().is_empty());
    assert_eq!(behind.refresh(&store).await.unwrap(), Changed::Everything);
    assert_eq!(*behind.rows(), read(&store).await);
    assert!(behind.refresh(&store).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_pruned_change_that_was_committed_out_of_order_is_not_missed() {
    let (postgres, store, mut sql) = start().await;
    let mut slow = PgConnection::connect(&postgres.url()).await.unwrap();
    slow.execute("begin; insert into consumers values ('slow')").await.unwrap();
    sql.execute("insert into consumers values ('quick')").await.unwrap();
    let mut reading = store.read().await.unwrap();
    slow.execute("commit").await.unwrap();
    prune(&store).await;
    assert_eq!(reading.refresh(&store).await.unwrap(), Changed::Everything);
    assert_eq!(*reading.rows(), read(&store).await);
}

fn consumer(name: &str) -> (String, Option<String>) {
    ("consumer".to_owned(), Some(name.to_owned()))
}

#[tokio::test]
async fn a_change_stays_on_record_for_its_time() {
    let (_postgres, store, mut sql) = start().await;
    sql.execute("insert into consumers values ('a')").await.unwrap();
    let before = recorded(&mut sql).await;
    assert!(before.contains(&consumer("a")));
    let mut pruner = store.pruner(Duration::from_secs(3600));
    for _ in 0..3 {
        pruner.prune().await.unwrap();
    }
    assert_eq!(recorded(&mut sql).await, before);
}

#[tokio::test]
async fn a_change_stays_on_record_while_an_earlier_transaction_runs() {
    let (postgres, store, mut sql) = start().await;
    sql.execute("delete from changes").await.unwrap();
    let mut slow = PgConnection::connect(&postgres.url()).await.unwrap();
    slow.execute("begin; insert into consumers values ('slow')").await.unwrap();
    sql.execute("insert into consumers values ('quick')").await.unwrap();
    prune(&store).await;
    slow.execute("commit").await.unwrap();
    assert_eq!(recorded(&mut sql).await, [consumer("slow"), consumer("quick")]);
}

#[tokio::test]
async fn what_a_dump_brings_from_a_server_with_more_transactions_is_pruned() {
    let (_postgres, store, mut sql) = start().await;
    let mut reading = store.read().await.unwrap();
    sql.execute("insert into changes values ('9999999999', 'pruned', null), ('9999999999', 'consumer', 'x')")
        .await
        .unwrap();
    assert_eq!(reading.refresh(&store).await.unwrap(), Changed::Everything);
    prune(&store).await;
    assert!(reading.refresh(&store).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_pruner_that_failed_tries_again() {
    let (_postgres, store, mut sql) = start().await;
    sql.execute("insert into consumers values ('a')").await.unwrap();
    let mut pruner = store.pruner(Duration::ZERO);
    pruner.prune().await.unwrap();
    sql.execute("alter table changes rename to elsewhere").await.unwrap();
    pruner.prune().await.expect_err("the table is missing");
    sql.execute("alter table elsewhere rename to changes").await.unwrap();
    pruner.prune().await.unwrap();
    assert_eq!(recorded(&mut sql).await, [("pruned".to_owned(), None)]);
}
