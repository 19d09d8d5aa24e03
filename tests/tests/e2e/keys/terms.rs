//! What a key is good for.

use ferrox_testbed::upstream::Upstream;

use super::{create, gateway, status, until};

/// A time so many seconds from now, as the command reads it.
async fn in_seconds(gateway: &ferrox_testbed::gateway::Gateway, seconds: i64) -> String {
    let sql = r#"select to_char((now() + $1 * interval '1 second') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"#;
    let mut connection = gateway.connect().await.unwrap();
    sqlx::query_scalar(sql).bind(seconds).fetch_one(&mut connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_good_for_its_routes_and_its_scopes_alone() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(&upstream).await;
    let of_route = create(&gateway, &["--route", "orders"]).await;
    let of_scope = create(&gateway, &["--scope", "write"]).await;
    until(&gateway, "/orders", &of_route, 200).await;
    assert_eq!(status(&gateway, "/users", &of_route).await, 403);
    until(&gateway, "/users", &of_scope, 200).await;
    let scopes = upstream.last().unwrap().headers["x-ferrox-scopes"].clone();
    assert_eq!(scopes, "write");
    assert_eq!(status(&gateway, "/orders", &of_scope).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_begins_and_ends_when_it_is_said_to() {
    let upstream = Upstream::start_new("u").unwrap();
    let gateway = gateway(&upstream).await;
    let late = create(&gateway, &["--not-before", &in_seconds(&gateway, 3600).await]).await;
    let old = create(&gateway, &["--expires-at", &in_seconds(&gateway, -1).await]).await;
    let brief = create(&gateway, &["--expires-in", "10s"]).await;
    until(&gateway, "/users", &brief, 200).await;
    let good =
        create(&gateway, &["--expires-in", "1h", "--not-before", &in_seconds(&gateway, -1).await]).await;
    until(&gateway, "/users", &good, 200).await;
    for key in [&late, &old] {
        assert_eq!(status(&gateway, "/users", key).await, 401);
    }
    // It ends by itself, though nothing is sent to Envoy then.
    until(&gateway, "/users", &brief, 401).await;
}
