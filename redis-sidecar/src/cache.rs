//! Cache entries: opaque bytes that expire.

use std::sync::Arc;

use axum::{
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode},
};
use ferrox_policy::sidecar::TTL_HEADER;
use redis::SetExpiry;

use crate::{body, command::Command, deadline, failure::Failure, server::App};

/// What the key of every entry in Redis begins with; the name follows. The number is the version of the encoding.
pub(crate) const KEY_PREFIX: &str = "ferrox:1:cache:";

/// A year, in seconds.
const LONGEST_TTL: u64 = 31_536_000;

/// `GET /v1/cache/{name}`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Vec<u8>, Failure> {
    let found = look_up(&app, &name, &headers).await;
    app.metrics.looked_up(&found);
    found?.ok_or(Failure::NoEntry)
}

async fn look_up(app: &App, name: &str, headers: &HeaderMap) -> Result<Option<Vec<u8>>, Failure> {
    let key = key(name)?;
    let patience = deadline::patience(headers, app.patience.entry)?;
    let _place = app.waiting.enter()?;
    let get = redis::cmd("GET").arg(&key).take();
    Ok(app.store.run(&Command::plain(key, get), deadline::until(patience)).await?)
}

/// `PUT /v1/cache/{name}`.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<StatusCode, Failure> {
    let stored = store(&app, &name, request).await;
    app.metrics.stored(&stored);
    stored.map(|()| StatusCode::NO_CONTENT)
}

async fn store(app: &App, name: &str, request: Request) -> Result<(), Failure> {
    let key = key(name)?;
    let ttl = ttl(request.headers())?;
    let patience = deadline::patience(request.headers(), app.patience.entry)?;
    let _place = app.waiting.enter()?;
    let entry = body::read(request).await?;
    let set = redis::cmd("SET").arg(&key).arg(&entry[..]).arg(SetExpiry::EX(ttl)).take();
    Ok(app.store.run(&Command::plain(key, set), deadline::until(patience)).await?)
}

/// The key of an entry in Redis. Any other name could be made to point at something that is no entry.
fn key(name: &str) -> Result<String, Failure> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if name.len() != 64 || !name.bytes().all(hex) {
        return Err(Failure::Senseless("the name must be 64 lower-case hex digits".to_owned()));
    }
    Ok(format!("{KEY_PREFIX}{name}"))
}

fn ttl(headers: &HeaderMap) -> Result<u64, Failure> {
    headers
        .get(TTL_HEADER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .filter(|seconds| (1..=LONGEST_TTL).contains(seconds))
        .ok_or_else(|| Failure::Senseless(format!("{TTL_HEADER} must be 1 to {LONGEST_TTL} seconds")))
}
