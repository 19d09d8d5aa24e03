//! Decisions on limits: one script in Redis for all limits of a request.

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
};

use axum::{
    Json,
    extract::{Request, State},
};
use ferrox_policy::sidecar::{LimitCheck, LimitState, LimitsRequest, LimitsResponse};
use redis::Script;

use crate::{
    body, cache,
    failure::{Failure, RedisFailure, Refusal},
    server::App,
    store::Store,
};

/// Largest body: the keys of [`MOST_LIMITS`] limits, each byte written as a JSON escape of six, and some room.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 20;

const MOST_LIMITS: usize = 8;
const LONGEST_KEY: usize = 16_384;
/// 31 days.
const LONGEST_WINDOW_MS: u64 = 2_678_400_000;
/// What [`ferrox_policy::key::Key`] begins every key with.
const KEY_PREFIX: &str = "ferrox:";

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("limits.lua")));

/// `POST /v1/limits`.
pub(crate) async fn post(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<LimitsResponse>, Failure> {
    let decision = answer(&app, request).await;
    app.metrics.decided(&decision);
    decision.map(Json)
}

async fn answer(app: &App, request: Request) -> Result<LimitsResponse, Failure> {
    let _place = app.waiting.enter()?;
    let body = body::read(request).await?;
    let limits = Limits::parse(&body).map_err(Failure::Senseless)?;
    Ok(limits.decide(&app.store).await?)
}

/// The limits of a request, which keep to the rules of the contract.
#[derive(Debug)]
struct Limits(Vec<LimitCheck>);

impl Limits {
    fn parse(body: &[u8]) -> Result<Self, String> {
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
        Ok(Self(request.limits))
    }

    /// Decides, and counts the request against all limits if all have room. Each `EVALSHA` is atomic in Redis, and
    /// only one that ran to its end has counted.
    async fn decide(self, store: &Store) -> Result<LimitsResponse, RedisFailure> {
        let mut invocation = SCRIPT.prepare_invoke();
        for limit in &self.0 {
            invocation.key(&limit.key).arg(limit.limit).arg(limit.window_ms);
        }
        let states: Vec<(bool, u64, u64)> =
            store.run(|mut connection| async move { invocation.invoke_async(&mut connection).await }).await?;
        if states.len() != self.0.len() {
            return Err(RedisFailure::Refused(Refusal::Nonsense));
        }
        let limits: Vec<_> = self.0.iter().zip(states).map(|(limit, state)| state_of(limit, state)).collect();
        Ok(LimitsResponse { allowed: limits.iter().all(|limit| limit.allowed), limits })
    }
}

fn check(limit: &LimitCheck) -> Result<(), String> {
    if !(1..=LONGEST_KEY).contains(&limit.key.len()) {
        return Err(format!("key: must be 1 to {LONGEST_KEY} bytes"));
    }
    if !limit.key.starts_with(KEY_PREFIX) || limit.key.starts_with(cache::KEY_PREFIX) {
        return Err(format!("key: must begin with {KEY_PREFIX} and not with {}", cache::KEY_PREFIX));
    }
    if limit.limit == 0 {
        return Err("limit: must be at least 1".to_owned());
    }
    if !(1..=LONGEST_WINDOW_MS).contains(&limit.window_ms) {
        return Err(format!("window_ms: must be 1 to {LONGEST_WINDOW_MS} (31 days)"));
    }
    Ok(())
}

fn state_of(limit: &LimitCheck, (allowed, count, reset_ms): (bool, u64, u64)) -> LimitState {
    // A count can be above a limit that was lowered.
    LimitState { allowed, remaining: limit.limit.saturating_sub(count), reset_ms }
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
        assert!(single(limit("ferrox:a", 1, 0)).starts_with("limits[0].window_ms"));
        assert!(single(limit("ferrox:a", 1, 2_678_400_001)).starts_with("limits[0].window_ms"));
        assert!(refusal("7").contains("invalid type"));
    }

    #[test]
    fn limits_at_the_ends_of_their_ranges_are_accepted() {
        let longest = format!("ferrox:{}", "k".repeat(16_377));
        let body = format!(
            r#"{{"limits":[{{"key":"{longest}","limit":18446744073709551615,"window_ms":2678400000}},
                {{"key":"ferrox:","limit":1,"window_ms":1}}]}}"#
        );
        assert_eq!(Limits::parse(body.as_bytes()).unwrap().0.len(), 2);
    }
}
