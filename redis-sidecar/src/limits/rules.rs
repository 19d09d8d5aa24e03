//! What a question about limits must keep to.

use std::collections::HashSet;

use ferrox_policy::{
    rate_limit::Algorithm,
    sidecar::{LimitCheck, LimitsRequest, Return, ReturnRequest},
};

use crate::cache;

/// Largest body: the keys of [`MOST_LIMITS`] limits, each byte written as a JSON escape of six, and some room.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 20;

const MOST_LIMITS: usize = 8;
const MOST_RETURNS: usize = 64;
const LONGEST_KEY: usize = 16_384;
const LONGEST_LEASE: usize = 64;
/// Numbers up to here are exact in the doubles of Lua, also when a few of them are added.
const LARGEST: u64 = 1 << 50;
/// 31 days.
const LONGEST_WINDOW_MS: u64 = 2_678_400_000;
/// What [`ferrox_policy::key::Key`] begins every key with.
const KEY_PREFIX: &str = "ferrox:";

/// The limits of a request, which keep to the rules of the contract.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) checks: Vec<LimitCheck>,
    pub(super) charge: bool,
}

impl Limits {
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let request: LimitsRequest = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if !(1..=MOST_LIMITS).contains(&request.limits.len()) {
            return Err(format!("limits: must be 1 to {MOST_LIMITS}"));
        }
        let mut keys = HashSet::new();
        for (index, limit) in request.limits.iter().enumerate() {
            check(limit).map_err(|reason| format!("limits[{index}].{reason}"))?;
            if !keys.insert(limit.key.as_str()) {
                return Err(format!("limits[{index}].key: stands twice"));
            }
        }
        Ok(Self { checks: request.limits, charge: request.charge })
    }
}

/// What comes back, which keeps to the rules of the contract.
#[derive(Debug)]
pub(super) struct Returns(pub(super) Vec<Return>);

impl Returns {
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let request: ReturnRequest = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if !(1..=MOST_RETURNS).contains(&request.limits.len()) {
            return Err(format!("limits: must be 1 to {MOST_RETURNS}"));
        }
        for (index, back) in request.limits.iter().enumerate() {
            check_return(back).map_err(|reason| format!("limits[{index}].{reason}"))?;
        }
        Ok(Self(request.limits))
    }
}

fn check(limit: &LimitCheck) -> Result<(), String> {
    check_key(&limit.key)?;
    check_number("limit", limit.limit, 1..=LARGEST)?;
    check_window(limit.window_ms)?;
    check_number("burst", limit.burst.unwrap_or(1), 1..=LARGEST)?;
    check_number("cost", limit.cost, 0..=LARGEST)?;
    check_number("take", limit.take, 0..=LARGEST)?;
    if limit.algorithm == Algorithm::Concurrency && (limit.cost > 1 || limit.take > 0) {
        return Err(
            "cost: must be 0 or 1, and nothing taken, where requests under way are counted".to_owned()
        );
    }
    // A refused request is never under way.
    if limit.algorithm == Algorithm::Concurrency && limit.count_denied {
        return Err("count_denied: makes no sense where requests under way are counted".to_owned());
    }
    check_lease(limit.algorithm, limit.lease.as_deref())
}

fn check_return(back: &Return) -> Result<(), String> {
    check_key(&back.key)?;
    check_number("limit", back.limit, 1..=LARGEST)?;
    check_window(back.window_ms)?;
    check_number("tokens", back.tokens, 0..=LARGEST)?;
    check_lease(back.algorithm, back.lease.as_deref())
}

fn check_key(key: &str) -> Result<(), String> {
    if !(1..=LONGEST_KEY).contains(&key.len()) {
        return Err(format!("key: must be 1 to {LONGEST_KEY} bytes"));
    }
    if !key.starts_with(KEY_PREFIX) || key.starts_with(cache::KEY_PREFIX) {
        return Err(format!("key: must begin with {KEY_PREFIX} and not with {}", cache::KEY_PREFIX));
    }
    Ok(())
}

fn check_window(window_ms: u64) -> Result<(), String> {
    match (1..=LONGEST_WINDOW_MS).contains(&window_ms) {
        true => Ok(()),
        false => Err(format!("window_ms: must be 1 to {LONGEST_WINDOW_MS} (31 days)")),
    }
}

fn check_number(field: &str, number: u64, range: std::ops::RangeInclusive<u64>) -> Result<(), String> {
    match range.contains(&number) {
        true => Ok(()),
        false => Err(format!("{field}: must be {} to {}", range.start(), range.end())),
    }
}

fn check_lease(algorithm: Algorithm, lease: Option<&str>) -> Result<(), String> {
    let is_name = |lease: &str| {
        (1..=LONGEST_LEASE).contains(&lease.len())
            && lease.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    match (algorithm, lease) {
        (Algorithm::Concurrency, Some(lease)) if is_name(lease) => Ok(()),
        (Algorithm::Concurrency, _) => {
            Err(format!("lease: must be 1 to {LONGEST_LEASE} letters, digits or '-'"))
        }
        (_, None) => Ok(()),
        (_, Some(_)) => Err("lease: is for requests under way".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(limits: &str) -> String {
        Limits::parse(format!(r#"{{"limits":{limits}}}"#).as_bytes()).unwrap_err()
    }

    #[test]
    fn a_limit_that_breaks_a_rule_is_refused_by_name() {
        let limit = |key: &str, limit: u64, window: u64| {
            format!(r#"{{"key":"{key}","limit":{limit},"window_ms":{window}}}"#)
        };
        let good = limit("ferrox:a", 1, 1);
        assert_eq!(refusal("[]"), "limits: must be 1 to 8");
        assert_eq!(refusal(&format!("[{}]", vec![good.clone(); 9].join(","))), "limits: must be 1 to 8");
        assert_eq!(refusal(&format!("[{good},{good}]")), "limits[1].key: stands twice");
        let single = |bad: String| refusal(&format!("[{bad}]"));
        assert!(single(limit("", 1, 1)).starts_with("limits[0].key: must be 1 to 16384"));
        assert!(single(limit(&format!("ferrox:{}", "k".repeat(16_378)), 1, 1)).starts_with("limits[0].key"));
        assert!(single(limit("session:a", 1, 1)).starts_with("limits[0].key: must begin with ferrox:"));
        assert!(single(limit("ferrox:1:cache:a", 1, 1)).starts_with("limits[0].key: must begin with"));
        assert!(single(limit("ferrox:a", 0, 1)).starts_with("limits[0].limit"));
        assert!(single(limit("ferrox:a", 1 << 51, 1)).starts_with("limits[0].limit"));
        assert!(single(limit("ferrox:a", 1, 0)).starts_with("limits[0].window_ms"));
        assert!(single(limit("ferrox:a", 1, 2_678_400_001)).starts_with("limits[0].window_ms"));
        assert!(refusal("7").contains("invalid type"));
    }

    #[test]
    fn what_belongs_to_one_algorithm_is_refused_in_another() {
        let single =
            |fields: &str| refusal(&format!(r#"[{{"key":"ferrox:a","limit":1,"window_ms":1,{fields}}}]"#));
        assert!(single(r#""burst":0"#).starts_with("limits[0].burst: must be 1 to"));
        assert!(single(r#""lease":"a""#).starts_with("limits[0].lease: is for requests under way"));
        for lease in ["", "a b", &"a".repeat(65)] {
            let refused = single(&format!(r#""algorithm":"concurrency","lease":"{lease}""#));
            assert!(refused.starts_with("limits[0].lease: must be 1 to 64"), "{refused}");
        }
        assert!(single(r#""algorithm":"concurrency""#).starts_with("limits[0].lease"));
        let costly = single(r#""algorithm":"concurrency","lease":"a","cost":2"#);
        assert!(costly.starts_with("limits[0].cost: must be 0 or 1"), "{costly}");
        let denied = single(r#""algorithm":"concurrency","lease":"a","count_denied":true"#);
        assert!(denied.starts_with("limits[0].count_denied: makes no sense"), "{denied}");
    }

    #[test]
    fn limits_at_the_ends_of_their_ranges_are_accepted() {
        let longest = format!("ferrox:{}", "k".repeat(16_377));
        let body = format!(
            r#"{{"limits":[{{"key":"{longest}","limit":{LARGEST},"window_ms":2678400000}},
                {{"key":"ferrox:","limit":1,"window_ms":1}}]}}"#
        );
        assert_eq!(Limits::parse(body.as_bytes()).unwrap().checks.len(), 2);
    }
}
