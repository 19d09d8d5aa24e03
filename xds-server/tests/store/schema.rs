//! The tables: migrations, and what the database refuses.

use ferrox_xds_server::store::{Rows, Store};
use sqlx::Executor;

use crate::{consumer, insert, postgres::Postgres, read, sample, start};

#[tokio::test]
async fn replicas_that_start_together_migrate_once() {
    let postgres = Postgres::start();
    let replicas = [(); 4].map(|()| Store::connect(&postgres.url()).unwrap());
    let [a, b, c, d] = &replicas;
    let (a, b, c, d) = tokio::join!(a.migrate(), b.migrate(), c.migrate(), d.migrate());
    a.and(b).and(c).and(d).unwrap();
    assert_eq!(read(&replicas[0]).await, Rows::default());
}

#[tokio::test]
async fn the_tables_live_in_whatever_schema_comes_first() {
    let (postgres, _, mut sql) = start().await;
    sql.execute("create schema gateway").await.unwrap();
    sql.execute("insert into public.consumers values ('public')").await.unwrap();
    let store = Store::connect(&format!("{}&options=-csearch_path%3Dgateway", postgres.url())).unwrap();
    store.migrate().await.unwrap();
    sql.execute("insert into gateway.consumers values ('acme')").await.unwrap();
    assert_eq!(read(&store).await, consumer("acme"));
}

#[tokio::test]
async fn an_older_version_runs_on_a_newer_schema() {
    let (_postgres, store, mut sql) = start().await;
    sql.execute(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'of a newer version', true, '', 0)",
    )
    .await
    .unwrap();
    store.migrate().await.unwrap();
}

#[tokio::test]
async fn the_database_refuses_what_it_can_judge() {
    let (_postgres, _store, mut sql) = start().await;
    insert(&mut sql, &sample::rows()).await;
    for statement in [
        "insert into gateways values ('A')",
        "insert into gateways values ('a_b')",
        "insert into gateways values ('ferrox')",
        "insert into upstreams (name) values ('A')",
        "insert into upstreams (name) values ('a_b')",
        "insert into upstreams (name) values ('a-')",
        "insert into upstreams (name) values ('')",
        "insert into upstreams (name) values (repeat('a', 64))",
        "update upstreams set connect_timeout_ms = 0",
        "update upstreams set connect_timeout_ms = 60001",
        "update upstreams set failures = 0",
        "update upstreams set open_for_ms = 99",
        "update upstreams set max_requests = -1",
        "update upstreams set failure_on = '{}'",
        "update upstreams set failure_on = '{4xx}'",
        "update upstreams set failure_on = '{no_answer,null}'",
        "update upstreams set failure_on = '{5xx,gateway_error}'",
        "update upstreams set max_out_percent = 0",
        "update upstreams set probe = '[]'",
        "update upstreams set force = 'shut'",
        "update upstreams set retry_budget_percent = 101",
        "update upstreams set retry_budget_min = -1",
        "update upstreams set discovery = 'dns'",
        "update upstreams set dns_refresh_ms = 999",
        "update upstreams set load_balancing = 'fair'",
        "update upstreams set load_balancing = 'maglev', slow_start_ms = 1",
        "update upstreams set protocol = 'http3'",
        "update upstreams set protocol = 'auto', tls = null",
        "update upstreams set tls = '[]'",
        "update upstreams set idle_timeout_ms = 0",
        "update upstreams set max_requests_per_connection = 0",
        "update upstreams set tcp_keepalive = '[]'",
        "update upstreams set health_check = '[]'",
        "update upstreams set health_check = '{}', probe = '{}'",
        "delete from upstreams",
        "insert into endpoints values ('nobody', '10.0.0.1', 80)",
        "insert into endpoints values ('orders', '10.0.0.0/24', 80)",
        "insert into endpoints values ('orders', 'fd00::/64', 80)",
        "insert into endpoints values ('orders', '10.0.0.9', 0)",
        "insert into endpoints values ('orders', '10.0.0.9', 65536)",
        "insert into endpoints values ('orders', '10.0.0.1', 8080)",
        "insert into endpoints values ('orders', 'A.example.com', 80)",
        "update endpoints set weight = 0",
        "update endpoints set weight = 1001",
        "update endpoints set zone = 'a b'",
        "update endpoints set priority = 16",
        "update routes set hosts = '{}'",
        "update routes set hosts = '{null}'",
        "update routes set hosts = '{{a},{b}}'",
        "update routes set methods = '{null}'",
        "update routes set path_exact = '/x', path_prefix = '/x'",
        "update routes set path_exact = null, path_prefix = null",
        "update routes set path_exact = null, path_prefix = 'x'",
        "update routes set gateways = '{}'",
        "update routes set gateways = '{null}'",
        "update routes set gateways = '{{a},{b}}'",
        "update routes set gateways = null",
        "update routes set timeout_ms = -1",
        "update routes set timeout_ms = 3600001",
        "update routes set enabled = null",
        "update routes set maintenance = '[]'",
        "update routes set redirect = '{}', response = '{}'",
        "update routes set redirect = 'null'",
        "update routes set idle_timeout_ms = -1",
        "update routes set max_stream_duration_ms = 0",
        "update routes set max_request_bytes = 0",
        "update routes set max_request_bytes = 104857601",
        "update routes set upgrades = '{connect}'",
        "update routes set upgrades = '{null}'",
        "update routes set upgrades = '{{websocket}}'",
        "update routes set hash_on = '{}'",
        "insert into route_mirrors values ('orders', 'nobody')",
        "insert into route_mirrors values ('nothing', 'orders')",
        "update route_mirrors set percent = 0",
        "update route_mirrors set percent = 101",
        "insert into route_upstreams values ('orders', 'nobody', 1)",
        "insert into route_upstreams values ('nothing', 'orders', 1)",
        "update route_upstreams set weight = -1",
        "update route_upstreams set weight = 1000001",
        "insert into route_policies values ('orders', 'cors', '{}')",
        "update route_policies set policy = '[]'",
        "insert into jwt_providers values ('b', 'https://id.example.com', '{a}', '{\"keys\": []}')",
        "update jwt_providers set audiences = '{}'",
        "update jwt_providers set jwks = '{}'",
        "update jwt_providers set jwks = '{\"keys\": {}}'",
        "update jwt_providers set leeway_seconds = 301",
        "update jwt_providers set jwks = null",
        "update jwt_providers set jwks_uri = 'https://id.example.com'",
        "update jwt_providers set discovery = true",
        "update jwt_providers set jwks = null, discovery = true, jwks_uri = 'https://id.example.com'",
        "update jwt_providers set jwks = null, jwks_uri = 'ftp://id.example.com'",
        "update jwt_providers set jwks_refresh_seconds = 9",
        "update jwt_providers set jwks_refresh_seconds = 86401",
        "insert into jwks_sets (provider, source, jwks) values ('nobody', '', '{\"keys\": []}')",
        "insert into jwks_sets (provider, source, jwks) values ('id', '', '{}')",
        "insert into revocations (provider, jti, expires_at) values ('nobody', '1', now())",
        "insert into revocations (provider, jti, expires_at) values ('id', '', now())",
        "insert into revocations (provider, expires_at) values ('id', now())",
        "insert into revocations (provider, jti, subject, before, expires_at) values ('id', '1', 's', 'epoch', now())",
        "insert into revocations (provider, subject, expires_at) values ('id', 's', now())",
        "insert into revocations (provider, jti, before, expires_at) values ('id', '1', 'epoch', now())",
        "insert into revocations (provider, subject, before, expires_at) values ('id', 's', '1969-12-31Z', now())",
        "insert into consumers values ('a b')",
        "insert into consumers values ('')",
        "update consumers set scopes = '{null}'",
        "update api_keys set sha256 = 'short'",
        "update api_keys set consumer = 'nobody'",
        "update api_keys set name = ''",
        "update api_keys set name = repeat('a', 201)",
        "update api_keys set scopes = '{null}'",
        "update api_keys set routes = '{null}'",
        "update api_keys set routes = null",
        "update api_keys set not_before = expires_at where expires_at is not null",
        "update api_keys set not_before = '1969-12-31Z'",
        "update api_keys set expires_at = '2106-02-07 06:28:15Z'",
        "update api_keys set expires_at = 'infinity'",
        "update api_keys set disabled = null",
        "insert into api_key_usage values ('short', now(), 1)",
        "insert into api_key_usage select sha256, now(), -1 from api_keys",
        "update listeners set port = 0",
        "update listeners set address = '10.0.0.0/24'",
        "update listeners set gateways = '{}'",
        "update listeners set protocol = 'tcp'",
        "update listeners set certificates = '{}'",
        "update listeners set certificates = '{null}'",
        "update listeners set default_certificate = 'other' where name = 'https'",
        "update listeners set default_certificate = 'api' where name = 'http'",
        "update listeners set redirect_https_port = 443 where name = 'https'",
        "update listeners set trusted_hops = 17",
        "update listeners set trusted_hops = 1 where name = 'balanced'",
        "update listeners set trusted_hops = 1, trusted_proxies = '{}' where name = 'internal'",
        "update listeners set proxy_protocol = true where name = 'http'",
        "update listeners set trusted_proxies = '{null}'",
        "update listeners set idle_timeout_ms = 0",
        "update listeners set stream_idle_timeout_ms = 0",
        "update listeners set request_headers_timeout_ms = 0",
        "update listeners set request_timeout_ms = -1",
        "update listeners set max_request_headers_kb = 8193",
        "update listeners set max_connections = 0",
        "update certificates set chain = 'text'",
        "update certificates set chain = chain || '-----BEGIN PRIVATE KEY-----'",
        "update certificates set private_key = 'short'",
        "update certificates set not_after = now() - interval '1 second'",
        "update certificates set not_after = not_after + interval '1 millisecond'",
        "insert into certificates select 'old', chain, private_key, date_trunc('second', now()) from certificates",
    ] {
        let refused = sql.execute(statement).await.expect_err(statement);
        let code = refused.as_database_error().and_then(|error| error.code()).unwrap().into_owned();
        // Class 23: integrity constraint violation. A statement that is itself wrong is class 42.
        assert!(code.starts_with("23"), "{statement}: {refused}");
    }
}

#[tokio::test]
async fn a_key_is_encrypted_anew_also_when_its_certificate_has_expired() {
    let (_postgres, _store, mut sql) = start().await;
    insert(&mut sql, &sample::rows()).await;
    sql.execute("alter table certificates disable trigger refuse_expired").await.unwrap();
    sql.execute("update certificates set not_after = '2020-01-01Z'").await.unwrap();
    sql.execute("alter table certificates enable trigger refuse_expired").await.unwrap();
    sql.execute("update certificates set private_key = private_key || 'x'").await.unwrap();
    sql.execute("update certificates set chain = chain").await.expect_err("it has expired");
}

#[tokio::test]
async fn a_name_can_be_changed_and_what_belongs_to_a_row_goes_with_it() {
    let (_postgres, store, mut sql) = start().await;
    insert(&mut sql, &sample::rows()).await;
    sql.execute("update upstreams set name = 'orders-v1' where name = 'orders'").await.unwrap();
    sql.execute("delete from routes").await.unwrap();
    sql.execute("delete from consumers").await.unwrap();
    let rows = read(&store).await;
    assert_eq!(rows.endpoints.iter().filter(|row| row.upstream == "orders-v1").count(), 4);
    assert!(
        rows.route_upstreams.is_empty() && rows.route_policies.is_empty() && rows.live.api_keys.is_empty()
    );
}
