//! The bodies of requests, bounded in size and time.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
};
use tokio::time::timeout;

use crate::failure::Failure;

/// Longest wait for a whole body, so that a client that sends none does not keep its place for ever.
const PATIENCE: Duration = Duration::from_secs(5);

/// The whole body. Its largest size is that of the route's `DefaultBodyLimit`.
pub(crate) async fn read(request: Request) -> Result<Bytes, Failure> {
    match timeout(PATIENCE, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Failure::TooLarge),
        Ok(Err(_)) => Err(Failure::Senseless("the body broke off".to_owned())),
        Err(_) => Err(Failure::SlowBody),
    }
}
