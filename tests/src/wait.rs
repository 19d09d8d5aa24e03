//! Waiting for events instead of sleeping.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::Error;

/// Longest wait for anything that should happen at once. Far longer than needed, for a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// Waits until `condition` holds.
///
/// # Errors
/// When it did not hold within [`PATIENCE`]; `what` says what was expected.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        if Instant::now() > deadline {
            return Err(Error::TimedOut { what: what.to_owned(), seconds: PATIENCE.as_secs() });
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Whether a URL answers 200. Anything else, no answer included, is not yet.
pub(crate) async fn answers_ok(client: &reqwest::Client, url: &str) -> bool {
    client.get(url).send().await.is_ok_and(|response| response.status() == 200)
}

/// A client for the testbed's own questions: bounded, and never through a proxy of the environment.
pub(crate) fn client() -> Result<reqwest::Client, Error> {
    Ok(client_builder().build()?)
}

pub(crate) fn client_builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2))
}
