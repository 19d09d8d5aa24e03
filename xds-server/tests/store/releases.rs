//! Recording releases.

use ferrox_xds_server::store::{LiveRows, NewRelease, Rows, Store};

use crate::{consumer, sample, start};

#[tokio::test]
async fn a_release_is_new_when_it_differs_from_the_newest() {
    let (_postgres, store, _sql) = start().await;
    assert!(store.last_release().await.unwrap().is_none());
    let (a, b) = (consumer("a"), Rows { live: LiveRows::default(), ..sample::rows() });
    let first = store.record_release(&NewRelease::of(&a)).await.unwrap();
    assert_eq!(first.digest, a.digest());
    assert_eq!(store.record_release(&NewRelease::of(&a)).await.unwrap(), first);
    let second = store.record_release(&NewRelease::of(&b)).await.unwrap();
    assert_eq!(store.last_release().await.unwrap(), Some((second.clone(), b)));
    let back = store.record_release(&NewRelease::of(&a)).await.unwrap();
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
        let release = NewRelease::of(&rows);
        let (a, b) = tokio::join!(store.record_release(&release), other.record_release(&release));
        assert_eq!(a.unwrap(), b.unwrap());
    }
    let count: i64 = sqlx::query_scalar("select count(*) from releases").fetch_one(&mut sql).await.unwrap();
    assert_eq!(count, 20);
}

#[tokio::test]
async fn the_newest_hundred_releases_are_kept() {
    let (_postgres, store, mut sql) = start().await;
    let mut last = store.record_release(&NewRelease::of(&Rows::default())).await.unwrap();
    for round in 0..103 {
        last = store.record_release(&NewRelease::of(&consumer(&round.to_string()))).await.unwrap();
    }
    let (count, newest): (i64, i64) =
        sqlx::query_as("select count(*), max(id) from releases").fetch_one(&mut sql).await.unwrap();
    assert_eq!((count, newest), (100, last.id));
}

#[tokio::test]
async fn no_release_holds_what_is_live_and_none_is_made_of_that_alone() {
    let (_postgres, store, mut sql) = start().await;
    let rows = sample::rows();
    assert!(!rows.live.api_keys.is_empty());
    let first = store.record_release(&NewRelease::of(&rows)).await.unwrap();
    let without = Rows { live: LiveRows::default(), ..rows };
    assert_eq!(store.record_release(&NewRelease::of(&without)).await.unwrap(), first);
    let recorded: String =
        sqlx::query_scalar("select rows::text from releases").fetch_one(&mut sql).await.unwrap();
    assert!(recorded.contains("acme") && !recorded.contains("sha256"), "{recorded}");
    assert_eq!(store.last_release().await.unwrap(), Some((first, without)));
}

#[tokio::test]
async fn a_release_of_before_keys_were_live_brings_none_of_its_keys_back() {
    let (_postgres, store, mut sql) = start().await;
    sqlx::query(
        r#"insert into releases (digest, rows) values ('d', '{"consumers": [{"name": "a", "scopes": []}],
           "api_keys": [{"sha256": "abababababababababababababababababababababababababababababababab", "consumer": "a"}]}')"#,
    )
    .execute(&mut sql)
    .await
    .unwrap();
    let (_, rows) = store.last_release().await.unwrap().unwrap();
    assert_eq!(rows, consumer("a"));
}
