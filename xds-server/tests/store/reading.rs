//! Reading all rows.

use ferrox_xds_server::store::ConsumerRow;
use sqlx::Executor;

use crate::{insert, read, sample, start};

#[tokio::test]
async fn rows_are_read_as_they_were_written_in_the_order_of_their_keys() {
    let (_postgres, store, mut sql) = start().await;
    let mut rows = sample::rows();
    insert(&mut sql, &rows).await;
    assert_eq!(read(&store).await, rows);
    assert_eq!(read(&store).await.digest(), rows.digest());

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
    assert_eq!(read(&store).await, rows);
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
        let rows = read(&store).await;
        assert_eq!(rows.upstreams.len() + rows.consumers.len(), 1, "{rows:?}");
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn a_read_shows_one_moment_even_while_tables_are_emptied() {
    let (_postgres, store, mut sql) = start().await;
    let mut reading = store.read().await.unwrap();
    sql.execute("insert into upstreams (name) values ('x')").await.unwrap();
    let writer = tokio::spawn(async move {
        for _ in 0..100 {
            sql.execute("begin; truncate upstreams cascade; insert into consumers values ('x'); commit")
                .await
                .unwrap();
            sql.execute("begin; truncate consumers cascade; insert into upstreams values ('x'); commit")
                .await
                .unwrap();
        }
    });
    while !writer.is_finished() {
        let rows = read(&store).await;
        assert_eq!(rows.upstreams.len() + rows.consumers.len(), 1, "{rows:?}");
        reading.refresh(&store).await.unwrap();
        let rows = reading.rows();
        assert_eq!(rows.upstreams.len() + rows.consumers.len(), 1, "{rows:?}");
    }
    writer.await.unwrap();
}
