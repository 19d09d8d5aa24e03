//! What no release has: fetched keys, and revocations.

use std::{collections::BTreeSet, time::Duration};

use ferrox_xds_server::store::{Changed, Kept, NewRevocation, Revoked, RevokedTokens, Things};
use serde_json::json;
use sqlx::Executor;

use crate::{insert, read, sample, start};

const LEASE: Duration = Duration::from_secs(600);
const SOON: Duration = Duration::ZERO;
const LATER: Duration = Duration::from_secs(600);

#[tokio::test]
async fn replicas_take_turns_in_fetching_keys() {
    let (_postgres, store, mut sql) = start().await;
    insert(&mut sql, &sample::rows()).await;
    let claim = async |source: &str| store.claim_jwks("id", source, LEASE).await.unwrap();
    let (one, other) = tokio::join!(claim("a"), claim("a"));
    assert!(one.is_some() != other.is_some());
    let turn = one.or(other).unwrap();
    let keys = json!({"keys": [1]});
    assert_eq!(store.keep_jwks(&turn, &keys, LATER).await.unwrap(), Kept::Changed);
    assert!(claim("a").await.is_none(), "it is not due");
    assert!(!store.jwks_fetches().await.unwrap()[0].is_due);

    store.hasten_jwks(LATER).await.unwrap();
    let turn = claim("a").await.unwrap();
    store.fail_jwks(&turn, "it is down", LATER).await.unwrap();
    store.hasten_jwks(LATER).await.unwrap();
    assert!(claim("a").await.is_none(), "it was brought forward once already");
    let fetch = &store.jwks_fetches().await.unwrap()[0];
    assert_eq!((fetch.failures, fetch.error.as_deref()), (1, Some("it is down")));
    assert!(fetch.fetched_at.is_some());

    // From another source nothing has come yet, and it is due at once; the attempt before is too late.
    let new = claim("b").await.unwrap();
    assert_eq!(store.keep_jwks(&turn, &json!({"keys": [2]}), SOON).await.unwrap(), Kept::Late);
    assert_eq!(store.jwks_fetches().await.unwrap()[0].fetched_at, None);
    assert_eq!(store.keep_jwks(&new, &keys, SOON).await.unwrap(), Kept::Changed);
    assert!(store.claim_jwks("nobody", "a", LEASE).await.unwrap().is_none());
}

#[tokio::test]
async fn keys_that_were_there_already_are_no_change_and_no_release_has_them() {
    let (_postgres, store, mut sql) = start().await;
    insert(&mut sql, &sample::rows()).await;
    let digest = read(&store).await.digest();
    let mut reading = store.read().await.unwrap();
    let mut keep = async |keys: &serde_json::Value| {
        let turn = store.claim_jwks("id", "a", LEASE).await.unwrap().unwrap();
        let kept = store.keep_jwks(&turn, keys, SOON).await.unwrap();
        (kept, reading.refresh(&store).await.unwrap())
    };
    let set = Changed::Things(Things { jwks_sets: BTreeSet::from(["id".to_owned()]), ..Things::default() });
    assert_eq!(keep(&json!({"keys": [1]})).await, (Kept::Changed, set.clone()));
    assert_eq!(keep(&json!({"keys": [1]})).await, (Kept::Same, Changed::default()));
    assert_eq!(keep(&json!({"keys": [2]})).await, (Kept::Changed, set));
    let rows = reading.rows();
    assert_eq!((rows, rows.live.jwks_sets[0].jwks.clone()), (&read(&store).await, json!({"keys": [2]})));
    assert_eq!(rows.digest(), digest);
}

#[tokio::test]
async fn a_revocation_is_read_kept_for_the_longer_time_and_deleted_when_it_means_nothing_any_more() {
    let (_postgres, store, mut sql) = start().await;
    insert(&mut sql, &sample::rows()).await;
    let mut reading = store.read().await.unwrap();
    let revoke = async |tokens: &RevokedTokens, seconds: u32| {
        let revocation = NewRevocation {
            provider: "id".to_owned(),
            tokens: tokens.clone(),
            reason: String::new(),
            for_seconds: Some(seconds),
        };
        let Revoked::Done(id) = store.revoke(&revocation).await.unwrap() else { panic!("it is refused") };
        id
    };
    let subject = |before| RevokedTokens::Subject { subject: "alice".to_owned(), before: Some(before) };
    let first = revoke(&subject(100), 900).await;
    assert_eq!(revoke(&subject(90), 1).await, first);
    let listed = store.revocations().await.unwrap().remove(0);
    assert_eq!(listed.before.as_deref(), Some("1970-01-01T00:01:40Z"));
    for number in 0..12 {
        revoke(&RevokedTokens::Token(number.to_string()), 900).await;
    }
    reading.refresh(&store).await.unwrap();
    assert_eq!(*reading.rows(), read(&store).await);
    assert_eq!(reading.rows().live.revocations.len(), 13);

    // Within the leeway of a clock it stays.
    sql.execute("update revocations set expires_at = now() - interval '299 seconds' where jti = '1'")
        .await
        .unwrap();
    sql.execute("update revocations set expires_at = now() - interval '301 seconds' where jti = '2'")
        .await
        .unwrap();
    store.pruner(Duration::ZERO).prune().await.unwrap();
    reading.refresh(&store).await.unwrap();
    let left: Vec<_> = reading.rows().live.revocations.iter().filter_map(|row| row.jti.as_deref()).collect();
    assert!(left.len() == 11 && left.contains(&"1") && !left.contains(&"2"), "{left:?}");
}
