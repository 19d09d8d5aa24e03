//! API keys: how long it takes until an Envoy lets a new one pass, beside all others.

use std::time::Duration;

use ferrox_testbed::{
    bootstrap::{Bootstrap, Protocol},
    envoy::{Envoy, EnvoyPorts},
    wait::{PATIENCE, eventually},
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::time::{Instant, sleep, timeout};

use crate::{Failure, Meter, Options, bed::Bed, server::Server, table::Measurement};

/// Pause between two requests.
const PAUSE: Duration = Duration::from_millis(1);

/// The host of the one route for keys.
const HOST: &str = "keys.example.com";

/// Inserts so many keys and a route for them.
async fn insert(connection: &mut PgConnection, keys: u32) -> Result<(), Failure> {
    let statements = format!(
        r#"
        insert into routes (name, hosts, path_prefix) values ('keys', '{{{HOST}}}', '/');
        insert into route_upstreams (route, upstream) values ('keys', 'u0000');
        insert into route_policies (route, kind, policy) values ('keys', 'auth', '{{"api_key": {{}}}}');
        insert into consumers (name, scopes)
            select 'consumer-' || n, '{{orders:read}}' from generate_series(1, {keys}) n;
        insert into api_keys (sha256, consumer)
            select sha256(('key-' || n)::bytea), 'consumer-' || n from generate_series(1, {keys}) n;
        analyze;
        "#
    );
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(connection).await?;
    Ok(())
}

/// Adds a key so many times, and sees each by requests.
pub(crate) async fn measure(
    bed: &mut Bed,
    server: &Server,
    options: &Options,
) -> Result<Measurement, Failure> {
    insert(&mut bed.database, options.keys).await?;
    let bootstrap = Bootstrap::new("envoy-keys", bed.control_plane.xds_port(), Protocol::Delta);
    let _envoy = Envoy::start_in(bed.folder.path(), EnvoyPorts::free()?, &bootstrap).await?;
    eventually("Envoy knows the keys", async || passes(bed, "key-1").await.unwrap_or(false)).await?;
    let what = format!("1 x envoy, delta: one more of {} keys, for traffic", options.keys);
    let mut meter = Meter::start(what, server)?;
    for number in 0..options.changes {
        let key = format!("new-key-{number}");
        let committed = add(&mut bed.database, &key).await?;
        let effective = timeout(PATIENCE, until_passes(bed, &key)).await??;
        meter.measurement.count += 1;
        meter.measurement.last.add(effective - committed);
    }
    meter.stop(server)
}

/// Adds a key; returns when the commit was asked for.
async fn add(connection: &mut PgConnection, key: &str) -> Result<Instant, Failure> {
    let mut transaction = connection.begin().await?;
    sqlx::query("insert into api_keys (sha256, consumer) values (sha256($1::bytea), 'consumer-1')")
        .bind(key.as_bytes())
        .execute(&mut *transaction)
        .await?;
    let committed = Instant::now();
    transaction.commit().await?;
    Ok(committed)
}

/// When the first answer to a request with the key had come that let it pass.
async fn until_passes(bed: &Bed, key: &str) -> Result<Instant, Failure> {
    loop {
        if passes(bed, key).await? {
            return Ok(Instant::now());
        }
        sleep(PAUSE).await;
    }
}

async fn passes(bed: &Bed, key: &str) -> Result<bool, Failure> {
    let url = format!("http://{}/", bed.listener.address());
    let request = bed.client.get(url).header("host", HOST).header("x-api-key", key);
    Ok(request.send().await?.status() == 200)
}
