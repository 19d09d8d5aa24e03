//! When keys are fetched again. Pure: chance comes from outside, as a number from 0 to 1.

use std::time::Duration;

/// Pause after the first failure; it doubles with each.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// Longest pause after failures.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// When to fetch again after an answer with this `max-age`. Up to a tenth earlier than what was fetched grows old, so that
/// providers do not come all at once.
pub(super) fn after_success(refresh: Duration, max_age: Option<Duration>, chance: f64) -> Duration {
    let wait = max_age.map_or(refresh, |age| age.clamp(refresh / 2, refresh * 4));
    wait.mul_f64(1.0 - chance / 10.0)
}

/// When to try again after so many failures in a row, from 1: between half the pause and all of it.
pub(super) fn after_failures(failures: u32, chance: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    (FIRST_RETRY * (1 << doublings)).min(LONGEST_RETRY).mul_f64(0.5 + chance / 2.0)
}

/// The `max-age` of a Cache-Control (RFC 9111 section 5.2.2.1); 0 where it must not be stored or used unasked.
pub(super) fn max_age(cache_control: &str) -> Option<Duration> {
    let mut age = None;
    for directive in cache_control.split(',').map(|directive| directive.trim().to_ascii_lowercase()) {
        match directive.split_once('=') {
            Some(("max-age", seconds)) => {
                age = age.or(seconds.trim_matches('"').parse().ok().map(Duration::from_secs));
            }
            None if directive == "no-store" || directive == "no-cache" => return Some(Duration::ZERO),
            _ => {}
        }
    }
    // RFC 9111 section 1.2.2: more than 2^31 is as good as that.
    age.map(|age| age.min(Duration::from_secs(1 << 31)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_issuer_may_lengthen_and_shorten_the_wait_within_bounds() {
        let wait = |max_age: Option<u64>| after_success(seconds(300), max_age.map(seconds), 0.0);
        assert_eq!(wait(None), seconds(300));
        assert_eq!(wait(Some(200)), seconds(200));
        assert_eq!(wait(Some(0)), seconds(150));
        assert_eq!(wait(Some(u64::MAX >> 1)), seconds(1200));
        assert_eq!(after_success(seconds(300), None, 1.0), seconds(270));
    }

    #[test]
    fn retries_grow_apart_up_to_a_minute() {
        let waits: Vec<_> = (1..=8).map(|failures| after_failures(failures, 1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(after_failures(u32::MAX, 0.0), seconds(30));
    }

    #[test]
    fn cache_control_is_read() {
        assert_eq!(max_age("public, Max-Age=60, must-revalidate"), Some(seconds(60)));
        assert_eq!(max_age("max-age=\"5\""), Some(seconds(5)));
        assert_eq!(max_age("max-age=60, no-cache"), Some(seconds(0)));
        assert_eq!(max_age("no-store"), Some(seconds(0)));
        assert_eq!(max_age("max-age=99999999999"), Some(seconds(1 << 31)));
        for nothing in ["", "public", "max-age", "max-age=soon", "s-maxage=5"] {
            assert_eq!(max_age(nothing), None, "{nothing}");
        }
    }
}
