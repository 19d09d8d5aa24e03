//! Decisions on limits: one script in Redis for all limits of a request, or in a Cluster one for each slot.

mod across;
mod returns;
mod rules;
mod scripts;

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Request, State},
};
use ferrox_policy::sidecar::{LimitCheck, LimitState, LimitsResponse};
use tokio::time::Instant;

pub(crate) use self::{returns::post as post_return, rules::MAX_BODY_BYTES};
use self::{
    rules::Limits,
    scripts::{Counted, Mode},
};
use crate::{
    body, deadline,
    failure::{Failure, RedisFailure},
    server::App,
    store::Store,
};

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
    let patience = deadline::patience(request.headers(), app.patience.decision)?;
    let _place = app.waiting.enter()?;
    let body = body::read(request).await?;
    let limits = Limits::parse(&body).map_err(Failure::Senseless)?;
    Ok(decide(limits, &app.store, deadline::until(patience), app.patience.decision).await?)
}

/// Decides, and counts the request against all limits if all have room. Each script is atomic in Redis, and only one that
/// ran to its end has counted.
async fn decide(
    limits: Limits,
    store: &Arc<Store>,
    until: Instant,
    cleaning: Duration,
) -> Result<LimitsResponse, RedisFailure> {
    let groups = store.together(limits.checks.iter().map(|limit| limit.key.as_str()));
    let mode = if limits.charge { Mode::Charge } else { Mode::Decide };
    let states = match groups.len() {
        0 | 1 => scripts::ask(store, &limits.checks, mode, until).await?,
        _ => across::decide(store, &limits.checks, &groups, mode, until, cleaning).await?,
    };
    let allowed = limits.charge || all_have_room(&limits.checks, &states);
    Ok(LimitsResponse { allowed, limits: states.into_iter().map(state_of).collect() })
}

/// Whether every limit has room that is not only reported.
fn all_have_room<'a>(
    limits: impl IntoIterator<Item = &'a LimitCheck>,
    states: impl IntoIterator<Item = &'a Counted>,
) -> bool {
    limits.into_iter().zip(states).all(|(limit, state)| state.has_room || limit.report_only)
}

fn state_of(counted: Counted) -> LimitState {
    LimitState {
        allowed: counted.has_room,
        remaining: counted.remaining,
        reset_ms: counted.reset_ms,
        retry_ms: counted.retry_ms,
        taken: counted.taken,
        // It serves to give back what was taken.
        mark: if counted.taken > 0 { counted.mark } else { 0 },
    }
}
