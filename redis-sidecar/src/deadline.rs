//! Until when a request waits for Redis.

use std::time::Duration;

use axum::http::HeaderMap;
use ferrox_policy::sidecar::{LONGEST_TIMEOUT_MS, TIMEOUT_HEADER};
use tokio::time::Instant;

use crate::failure::Failure;

/// What Envoy says about its own patience, in milliseconds.
const ENVOY_HEADER: &str = "x-envoy-expected-rq-timeout-ms";

/// How long a request may wait for Redis: as long as it says itself, or `default`, and no longer than Envoy waits.
///
/// # Errors
/// When what it says makes no sense.
pub(crate) fn patience(headers: &HeaderMap, default: Duration) -> Result<Duration, Failure> {
    let own = match headers.get(TIMEOUT_HEADER) {
        None => default,
        Some(value) => {
            let ms = value.to_str().ok().and_then(|ms| ms.parse().ok());
            let ms = ms.filter(|ms| (1..=LONGEST_TIMEOUT_MS).contains(ms)).ok_or_else(|| {
                Failure::Senseless(format!("{TIMEOUT_HEADER} must be 1 to {LONGEST_TIMEOUT_MS} milliseconds"))
            })?;
            Duration::from_millis(ms.into())
        }
    };
    let envoy = headers.get(ENVOY_HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
    Ok(envoy.map_or(own, |envoy| own.min(Duration::from_millis(envoy))))
}

/// The end of this patience, from now on.
pub(crate) fn until(patience: Duration) -> Instant {
    Instant::now() + patience
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Duration = Duration::from_millis(20);

    fn asked(headers: &[(&'static str, &'static str)]) -> Result<u128, Failure> {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        patience(&headers, DEFAULT).map(|patience| patience.as_millis())
    }

    #[test]
    fn a_request_says_how_long_it_waits_and_never_outwaits_envoy() {
        assert_eq!(asked(&[]), Ok(20));
        assert_eq!(asked(&[(TIMEOUT_HEADER, "300")]), Ok(300));
        assert_eq!(asked(&[(TIMEOUT_HEADER, "300"), (ENVOY_HEADER, "70")]), Ok(70));
        assert_eq!(asked(&[(ENVOY_HEADER, "70")]), Ok(20));
        assert_eq!(asked(&[(ENVOY_HEADER, "7")]), Ok(7));
        assert_eq!(asked(&[(ENVOY_HEADER, "soon")]), Ok(20), "it is Envoy's, not ours");
    }

    #[test]
    fn a_time_out_of_range_is_refused() {
        for ms in ["0", "10001", "-1", "1.5", "", "soon"] {
            assert!(matches!(asked(&[(TIMEOUT_HEADER, ms)]), Err(Failure::Senseless(_))), "{ms}");
        }
    }
}
