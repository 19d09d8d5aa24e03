//! Keys that change.

use std::time::Duration;

use ferrox_testbed::{
    gateway::GatewayOptions,
    tokens::Issuer,
    upstream::{Behaviour, Upstream},
    wait::eventually,
};

use super::{Publisher, passes, start, status, token};
use crate::rows;

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_has_the_new_keys_fetched_at_once_and_again_after_half_a_minute_only() {
    let (upstream, publisher) = (Upstream::start_new("u").unwrap(), Publisher::new());
    let (old, new) = (Issuer::es256("old").unwrap(), Issuer::eddsa("new").unwrap());
    publisher.keys(&[&old]);
    let gateway = start(&publisher.provider(), &upstream, GatewayOptions::default()).await;
    let iss = rows::issuer("id");
    passes(&gateway, &old, &iss).await;
    let before = publisher.fetches();

    // The next fetch that is due by itself is minutes away.
    publisher.keys(&[&old, &new]);
    passes(&gateway, &new, &iss).await;
    assert_eq!(publisher.fetches(), before + 1);
    assert_eq!(status(&gateway, &token(&old, &iss)).await, 200);

    // Whoever makes keys up has nothing fetched before half a minute is over, by PostgreSQL's clock; then once.
    let stranger = token(&Issuer::eddsa("stranger").unwrap(), &iss);
    let mut sql = gateway.connect().await.unwrap();
    let mut age = async || {
        let age = "select extract(epoch from now() - fetched_at)::float8 from jwks_fetches";
        sqlx::query_scalar::<_, f64>(age).fetch_one(&mut sql).await.unwrap()
    };
    eventually("the keys are 20 s old", async || {
        assert_eq!(status(&gateway, &stranger).await, 401);
        assert_eq!(publisher.fetches(), before + 1);
        age().await > 20.0
    })
    .await
    .unwrap();
    eventually("keys are fetched for the stranger", async || {
        assert_eq!(status(&gateway, &stranger).await, 401);
        publisher.fetches() == before + 2
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_fetched_again_before_they_grow_old_and_a_key_that_went_is_refused() {
    let (upstream, publisher) = (Upstream::start_new("u").unwrap(), Publisher::new());
    let (old, new) = (Issuer::es256("old").unwrap(), Issuer::eddsa("new").unwrap());
    publisher.keys(&[&old]);
    let provider = publisher.provider() + "update jwt_providers set jwks_refresh_seconds = 10;";
    let gateway = start(&provider, &upstream, GatewayOptions::default()).await;
    let iss = rows::issuer("id");
    passes(&gateway, &old, &iss).await;
    publisher.keys(&[&new]);
    let token = token(&old, &iss);
    eventually("the old key is refused", async || status(&gateway, &token).await == 401).await.unwrap();
    passes(&gateway, &new, &iss).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_other_rows_make_no_sense_new_keys_come_all_the_same() {
    let (upstream, publisher) = (Upstream::start_new("u").unwrap(), Publisher::new());
    let (old, new) = (Issuer::es256("old").unwrap(), Issuer::eddsa("new").unwrap());
    publisher.keys(&[&old]);
    let gateway = start(&publisher.provider(), &upstream, GatewayOptions::default()).await;
    let iss = rows::issuer("id");
    passes(&gateway, &old, &iss).await;
    gateway.sql("update routes set hosts = '{a..b}'").await.unwrap();
    let problems = async || gateway.status().await.unwrap()["problems"].as_array().unwrap().len();
    eventually("the rows are refused", async || problems().await == 1).await.unwrap();
    publisher.keys(&[&old, &new]);
    passes(&gateway, &new, &iss).await;
    assert_eq!(problems().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_control_planes_one_fetches_and_both_serve_the_same() {
    let (upstream, publisher) = (Upstream::start_new("u").unwrap(), Publisher::new());
    let issuer = Issuer::es256("k").unwrap();
    publisher.keys(&[&issuer]);
    // Long enough for the other to look meanwhile, more than once.
    publisher.server.behave(Behaviour::Slow(Duration::from_secs(3)));
    let options = GatewayOptions { replica: true, ..GatewayOptions::default() };
    let gateway = start(&publisher.provider(), &upstream, options).await;
    passes(&gateway, &issuer, &rows::issuer("id")).await;
    let replica = gateway.replica.as_ref().unwrap();
    eventually("both know of it", async || {
        let fetched = [gateway.status().await.unwrap(), replica.status().await.unwrap()];
        fetched.iter().all(|status| status["jwks"][0]["fetched_at"].is_u64())
    })
    .await
    .unwrap();
    assert_eq!(publisher.fetches(), 1);
}
