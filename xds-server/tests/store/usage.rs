//! Writing how much keys are used.

use ferrox_policy::auth::KeyDigest;
use ferrox_xds_server::store::KeyUse;
use sqlx::{Executor, PgConnection};

use crate::start;

fn of(key: &str, last_used: u64, requests: u64) -> (KeyDigest, KeyUse) {
    (KeyDigest::of(key.as_bytes()), KeyUse { last_used, requests })
}

/// By key: when last, in seconds since 1970, and how often.
async fn recorded(sql: &mut PgConnection) -> Vec<(i64, i64)> {
    sqlx::query_as(
        "select extract(epoch from last_used_at)::bigint, requests
         from api_key_usage join api_keys using (sha256) order by name",
    )
    .fetch_all(sql)
    .await
    .unwrap()
}

#[tokio::test]
async fn uses_add_up_over_replicas_and_the_last_stays_the_last() {
    let (_postgres, store, mut sql) = start().await;
    sql.execute(
        "insert into consumers values ('a');
         insert into api_keys (sha256, consumer, name) values (sha256('k1'), 'a', '1'), (sha256('k2'), 'a', '2')",
    )
    .await
    .unwrap();
    let mut reading = store.read().await.unwrap();
    assert_eq!(
        store.add_key_usage(&[of("k1", 50, 2), of("k2", 60, 1), of("unknown", 1, 1)]).await.unwrap(),
        2
    );
    assert_eq!(store.add_key_usage(&[of("k1", 40, 3)]).await.unwrap(), 1);
    assert_eq!(recorded(&mut sql).await, [(50, 5), (60, 1)]);
    assert!(reading.refresh(&store).await.unwrap().is_empty(), "no change of the configuration");

    store.add_key_usage(&[of("k2", u64::MAX >> 30, u64::MAX)]).await.unwrap();
    store.add_key_usage(&[of("k2", 1, u64::MAX)]).await.unwrap();
    assert_eq!(recorded(&mut sql).await[1].1, i64::MAX);

    sql.execute("delete from api_keys where name = '2'").await.unwrap();
    assert_eq!(store.add_key_usage(&[of("k2", 70, 1)]).await.unwrap(), 0);
    assert_eq!(recorded(&mut sql).await, [(50, 5)]);
}
