//! Fetching the keys of a provider.

use std::time::Duration;

use axum::http::Uri;
use serde::Deserialize;
use serde_json::Value;

use super::{
    http::{Document, Http, HttpError},
    schedule,
};
use crate::model::{self, FetchedKeys, KeySource};

/// Keys, and how long their server says that they hold.
pub(super) struct Fetched {
    pub(super) keys: FetchedKeys,
    pub(super) max_age: Option<Duration>,
}

/// Why there are no keys. Shows nothing of what was answered.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {reason}")]
pub(super) struct FetchError {
    /// Without its query, which may hold a secret.
    url: String,
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("is no JSON")]
    NoJson,
    #[error("{0}")]
    Keys(String),
    #[error("names no jwks_uri as OpenID Connect Discovery has it")]
    NoConfiguration,
    #[error("is the configuration of another issuer")]
    OtherIssuer,
    #[error("names a jwks_uri that is no https URL without a user")]
    NotHttps,
    #[error("no key fits the provider's algorithms")]
    NoFit,
}

/// What matters of an issuer's configuration (OpenID Connect Discovery 1.0 section 3).
#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

/// Fetches the keys of a source.
pub(super) async fn fetch(http: &Http, source: &KeySource) -> Result<Fetched, FetchError> {
    let url = match &source.issuer {
        None => source.url.clone(),
        Some(issuer) => discover(http, &source.url, issuer).await.map_err(at(&source.url))?,
    };
    keys(http, &url, source).await.map_err(at(&url))
}

fn at(url: &str) -> impl FnOnce(Reason) -> FetchError {
    move |reason| FetchError { url: model::shown(url).to_owned(), reason }
}

async fn discover(http: &Http, url: &str, issuer: &str) -> Result<String, Reason> {
    let document = http.get(url).await?;
    let configuration: Configuration =
        serde_json::from_slice(&document.body).map_err(|_| Reason::NoConfiguration)?;
    // Section 4.3: exactly the same, or one issuer could speak for another.
    if configuration.issuer != issuer {
        return Err(Reason::OtherIssuer);
    }
    let Configuration { jwks_uri, .. } = configuration;
    let is_safe = is_https(&jwks_uri) || !is_https(url);
    match model::check_url(&jwks_uri) {
        Ok(()) if is_safe => Ok(jwks_uri),
        _ => Err(Reason::NotHttps),
    }
}

fn is_https(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|uri| uri.scheme_str() == Some("https"))
}

async fn keys(http: &Http, url: &str, source: &KeySource) -> Result<Fetched, Reason> {
    let Document { body, cache_control } = http.get(url).await?;
    let set: Value = serde_json::from_slice(&body).map_err(|_| Reason::NoJson)?;
    let keys = FetchedKeys::parse(&set).map_err(Reason::Keys)?;
    if keys.for_algorithms(&source.algorithms).keys.is_empty() {
        return Err(Reason::NoFit);
    }
    Ok(Fetched { keys, max_age: schedule::max_age(&cache_control) })
}
