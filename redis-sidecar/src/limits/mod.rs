//! Decisions on limits: one script in Redis for all limits of a request.

mod returns;
mod rules;

use std::sync::{Arc, LazyLock};

use axum::{
    Json,
    extract::{Request, State},
};
use ferrox_policy::{
    rate_limit::Algorithm,
    sidecar::{LimitCheck, LimitState, LimitsResponse},
};
use redis::Script;

use self::rules::Limits;
pub(crate) use self::{returns::post as post_return, rules::MAX_BODY_BYTES};
use crate::{
    body,
    failure::{Failure, RedisFailure, Refusal},
    server::App,
    store::Store,
};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("decide.lua")));

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
    Ok(decide(limits, &app.store).await?)
}

/// Decides, and counts the request against all limits if all have room. Each `EVALSHA` is atomic in Redis, and only one that
/// ran to its end has counted.
async fn decide(limits: Limits, store: &Store) -> Result<LimitsResponse, RedisFailure> {
    let mut invocation = SCRIPT.prepare_invoke();
    invocation.arg(u8::from(limits.charge));
    for limit in &limits.checks {
        invocation
            .key(&limit.key)
            .arg(name(limit.algorithm))
            .arg(limit.limit)
            .arg(limit.window_ms)
            .arg(limit.burst.unwrap_or(limit.limit))
            .arg(limit.cost)
            .arg(u8::from(limit.report_only))
            .arg(u8::from(limit.count_denied))
            .arg(limit.take)
            .arg(limit.lease.as_deref().unwrap_or_default());
    }
    let states: Vec<State6> =
        store.run(|mut connection| async move { invocation.invoke_async(&mut connection).await }).await?;
    if states.len() != limits.checks.len() {
        return Err(RedisFailure::Refused(Refusal::Nonsense));
    }
    let stops = |(limit, state): (&LimitCheck, &State6)| !state.0 && !limit.report_only;
    let allowed = limits.charge || !limits.checks.iter().zip(&states).any(stops);
    Ok(LimitsResponse { allowed, limits: states.into_iter().map(state_of).collect() })
}

/// What the script returns for a limit.
type State6 = (bool, u64, u64, u64, u64, u64);

fn state_of((allowed, remaining, reset_ms, retry_ms, taken, mark): State6) -> LimitState {
    LimitState { allowed, remaining, reset_ms, retry_ms, taken, mark }
}

/// What the scripts call it.
const fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::FixedWindow => "fixed_window",
        Algorithm::SlidingWindow => "sliding_window",
        Algorithm::TokenBucket => "token_bucket",
        Algorithm::Concurrency => "concurrency",
    }
}
