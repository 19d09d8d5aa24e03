//! A database in which nothing can be written.

use ferrox_testbed::{
    gateway::{Gateway, GatewayOptions},
    tokens::Issuer,
    upstream::Upstream,
    wait::eventually,
};
use sqlx::AssertSqlSafe;

use super::{Publisher, passes, start, status, token};
use crate::rows;

/// Makes the database read-only or not, for every connection from now on; those that are open are closed.
async fn set_read_only(gateway: &Gateway, is_read_only: bool) {
    let mut sql = gateway.connect().await.unwrap();
    let name: String = sqlx::query_scalar("select current_database()").fetch_one(&mut sql).await.unwrap();
    for statement in [
        "set default_transaction_read_only = off".to_owned(),
        format!("alter database {name} set default_transaction_read_only = {is_read_only}"),
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()"
            .to_owned(),
    ] {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut sql).await.unwrap();
    }
}

/// How often the log tells that a fetch could not be begun.
fn refusals(gateway: &Gateway) -> usize {
    let log = gateway.control_plane.log_tail(usize::MAX);
    let refused =
        |line: &&str| line.contains("cannot begin to fetch keys") && line.contains("read-only transaction");
    log.lines().filter(refused).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_can_be_written_the_last_keys_hold_and_nothing_is_fetched_until_it_can() {
    let (upstream, publisher) = (Upstream::start_new("u").unwrap(), Publisher::new());
    let (old, new) = (Issuer::es256("old").unwrap(), Issuer::eddsa("new").unwrap());
    publisher.keys(&[&old]);
    let provider = publisher.provider() + "update jwt_providers set jwks_refresh_seconds = 10;";
    let mut gateway = start(&provider, &upstream, GatewayOptions::default()).await;
    let iss = rows::issuer("id");
    passes(&gateway, &old, &iss).await;

    set_read_only(&gateway, true).await;
    let fetches = publisher.fetches();
    publisher.keys(&[&new]);
    eventually("that keys are due is told", async || refusals(&gateway) == 1).await.unwrap();
    assert_eq!(publisher.fetches(), fetches);
    assert_eq!(status(&gateway, &token(&old, &iss)).await, 200);

    // It also starts so, with what the database holds.
    gateway.control_plane.service().stop().await.unwrap();
    gateway.control_plane.start().await.unwrap();
    eventually("Envoy is connected again", async || {
        !gateway.status().await.unwrap()["nodes"].as_array().unwrap().is_empty()
    })
    .await
    .unwrap();
    eventually("it is told again", async || refusals(&gateway) == 2).await.unwrap();
    assert_eq!(publisher.fetches(), fetches);
    assert_eq!(status(&gateway, &token(&old, &iss)).await, 200);
    assert_eq!(status(&gateway, &token(&new, &iss)).await, 401);

    set_read_only(&gateway, false).await;
    passes(&gateway, &new, &iss).await;
    assert_eq!(status(&gateway, &token(&old, &iss)).await, 401);
    assert_eq!(refusals(&gateway), 2, "told once by each, however often it was tried");
}
