//! Giving back what was taken and not used, and ending requests that were under way.

use std::sync::{Arc, LazyLock};

use axum::{
    extract::{Request, State},
    http::StatusCode,
};
use redis::Script;

use super::{name, rules::Returns};
use crate::{body, failure::Failure, server::App};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("give_back.lua")));

/// `POST /v1/limits/return`.
pub(crate) async fn post(State(app): State<Arc<App>>, request: Request) -> Result<StatusCode, Failure> {
    let _place = app.waiting.enter()?;
    let body = body::read(request).await?;
    let returns = Returns::parse(&body).map_err(Failure::Senseless)?;
    let mut invocation = SCRIPT.prepare_invoke();
    for back in &returns.0 {
        invocation
            .key(&back.key)
            .arg(name(back.algorithm))
            .arg(back.limit)
            .arg(back.window_ms)
            .arg(back.tokens)
            .arg(back.mark)
            .arg(back.lease.as_deref().unwrap_or_default());
    }
    let returned: usize =
        app.store.run(|mut connection| async move { invocation.invoke_async(&mut connection).await }).await?;
    tracing::debug!(returned, "given back");
    Ok(StatusCode::NO_CONTENT)
}
