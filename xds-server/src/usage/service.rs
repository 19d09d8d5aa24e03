//! Where Envoys report the use of keys.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use ferrox_policy::auth::{KeyUsageReport, USAGE_PATH};
use tokio::time::timeout;

use super::{Ledger, ledger::NotReady};
use crate::{
    metrics::Metrics,
    xds::{Peer, Releases},
};

/// Largest report in bytes: a thousand keys take some 120 bytes each.
const MAX_REPORT_BYTES: usize = 256 << 10;

/// Longest wait for a whole report.
const PATIENCE: Duration = Duration::from_secs(5);

struct Service {
    ledger: Arc<Ledger>,
    releases: Releases,
    metrics: Arc<Metrics>,
}

/// `POST /ferrox/v1/key-usage`: a [`KeyUsageReport`] in JSON, answered with 204. With TLS, the client's certificate must
/// name a gateway or a node of one, as for xDS.
pub fn router(ledger: Arc<Ledger>, releases: Releases, metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route(USAGE_PATH, post(report))
        .layer(DefaultBodyLimit::max(MAX_REPORT_BYTES))
        .with_state(Arc::new(Service { ledger, releases, metrics }))
}

/// Why a report is not taken.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the client certificate names no gateway")]
    NotCertified,
    #[error("a report has at most {MAX_REPORT_BYTES} bytes")]
    TooLarge,
    #[error("the report broke off")]
    Broken,
    #[error("the report took too long")]
    Slow,
    #[error("{0}")]
    Senseless(ferrox_policy::Invalid),
    #[error(transparent)]
    NotReady(#[from] NotReady),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotCertified => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken | Self::Senseless(_) => StatusCode::BAD_REQUEST,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::NotReady(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

async fn report(State(service): State<Arc<Service>>, request: Request) -> Response {
    match service.take(request).await {
        Ok(()) => {
            service.metrics.key_usage_reports_received.inc();
            StatusCode::NO_CONTENT.into_response()
        }
        Err(refusal) => {
            service.metrics.key_usage_reports_refused.inc();
            tracing::debug!(%refusal, "report of the use of API keys refused");
            (refusal.status(), format!("{refusal}\n")).into_response()
        }
    }
}

impl Service {
    async fn take(&self, request: Request) -> Result<(), Refusal> {
        if !self.admits(&Peer::of(request.extensions())) {
            return Err(Refusal::NotCertified);
        }
        let body = match timeout(PATIENCE, Bytes::from_request(request, &())).await {
            Ok(Ok(body)) => body,
            Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                return Err(Refusal::TooLarge);
            }
            Ok(Err(_)) => return Err(Refusal::Broken),
            Err(_) => return Err(Refusal::Slow),
        };
        let report: KeyUsageReport = ferrox_policy::parse(&body).map_err(Refusal::Senseless)?;
        Ok(self.ledger.add(&report, now())?)
    }

    fn admits(&self, peer: &Peer) -> bool {
        let gateways = self.releases.borrow().clone();
        peer.is_of(|gateway| gateways.as_ref().is_some_and(|gateways| gateways.knows(gateway)))
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
