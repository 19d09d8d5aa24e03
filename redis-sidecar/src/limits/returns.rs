//! Giving back what was taken and not used, and ending requests that were under way.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
};
use ferrox_policy::sidecar::Return;
use tokio::{task::JoinSet, time::Instant};

use super::{rules::Returns, scripts};
use crate::{
    body, deadline,
    failure::{Failure, RedisFailure},
    server::App,
    store::Store,
};

/// `POST /v1/limits/return`.
pub(crate) async fn post(State(app): State<Arc<App>>, request: Request) -> Result<StatusCode, Failure> {
    let patience = deadline::patience(request.headers(), app.patience.decision)?;
    let _place = app.waiting.enter()?;
    let body = body::read(request).await?;
    let returns = Returns::parse(&body).map_err(Failure::Senseless)?;
    give_back(&app.store, &returns.0, deadline::until(patience)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives back to each, wherever it is. One failure does not keep the others from their own.
pub(super) async fn give_back(
    store: &Arc<Store>,
    returns: &[Return],
    until: Instant,
) -> Result<(), RedisFailure> {
    let mut scripts = JoinSet::new();
    for group in store.together(returns.iter().map(|back| back.key.as_str())) {
        let store = Arc::clone(store);
        let together: Vec<_> = group.iter().filter_map(|index| returns.get(*index)).cloned().collect();
        scripts.spawn(async move { scripts::give_back(&store, &together, until).await });
    }
    let results = scripts.join_all().await;
    results.into_iter().find(Result::is_err).unwrap_or(Ok(()))
}
