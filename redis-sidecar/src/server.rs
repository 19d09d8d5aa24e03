//! The listener, the routes, and the orderly end.

use std::{
    future::{IntoFuture, pending},
    io,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
    serve,
    serve::ListenerExt,
};
use ferrox_policy::sidecar::{Address, CACHE_PATH, LIMITS_PATH, RETURN_PATH};
use tokio::{net::TcpStream, sync::oneshot, time::sleep};
use tracing::{debug, info, warn};

use crate::{
    Settings, StartError, cache, deadline, failure::Failure, limits, listen::Listener, metrics::Metrics,
    store::Store, waiting::Waiting,
};

/// How long requests under way may take to finish once the sidecar is to stop.
const GRACE: Duration = Duration::from_secs(5);

/// What the routes share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) store: Arc<Store>,
    pub(crate) patience: Patience,
    pub(crate) waiting: Waiting,
    pub(crate) metrics: Arc<Metrics>,
}

/// How long a request waits for Redis that does not say so itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) decision: Duration,
    pub(crate) entry: Duration,
}

/// A sidecar that listens.
#[derive(Debug)]
pub struct Sidecar {
    listener: Listener,
    address: Address,
    routes: Router,
}

impl Sidecar {
    /// Listens, and begins to connect to Redis, which need not be there yet.
    ///
    /// # Errors
    /// When the address cannot be listened on or the Redis URL makes no sense.
    pub async fn bind(settings: &Settings) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new());
        let app = App {
            store: Arc::new(Store::open(settings, Arc::clone(&metrics))?),
            patience: Patience {
                decision: Duration::from_millis(settings.timeout_ms),
                entry: Duration::from_millis(settings.cache_timeout_ms),
            },
            waiting: Waiting::new(settings.max_waiting, Arc::clone(&metrics)),
            metrics,
        };
        let refused = |reason| StartError::Listen { address: settings.listen.clone(), reason };
        let listener = Listener::bind(&settings.listen, settings.socket_mode).await.map_err(refused)?;
        let address = listener.address().map_err(refused)?;
        info!(%address, "listening");
        Ok(Self { listener, address, routes: routes(Arc::new(app), settings.max_entry_bytes) })
    }

    /// The address that it listens on, with the port that the system chose if the setting was port 0.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Serves until `stop` completes, then accepts no more connections and lets the requests under way finish, for
    /// at most five seconds.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) {
        let (stopping, stopped) = oneshot::channel();
        let signal = async move {
            stop.await;
            info!("stopping");
            // Nobody listens any more if the serving has ended already.
            let _ = stopping.send(());
        };
        let out_of_grace = async {
            match stopped.await {
                Ok(()) => sleep(GRACE).await,
                Err(_) => pending().await,
            }
        };
        // HTTP/1.1 and HTTP/2 are told apart by the first bytes of a connection (RFC 9113 section 3.4).
        let serving: Pin<Box<dyn Future<Output = io::Result<()>> + Send>> = match self.listener {
            Listener::Tcp(listener) => {
                let listener = listener.tap_io(send_at_once);
                Box::pin(serve(listener, self.routes).with_graceful_shutdown(signal).into_future())
            }
            Listener::Unix(listener, file) => Box::pin(async move {
                let _until_then = file;
                serve(listener, self.routes).with_graceful_shutdown(signal).await
            }),
        };
        tokio::select! {
            _ = serving => info!("stopped"),
            () = out_of_grace => warn!("stopped, cutting off requests that were still under way"),
        }
    }
}

/// Without this, an answer waits for the acknowledgement of the one before it (Nagle's algorithm).
fn send_at_once(connection: &mut TcpStream) {
    if let Err(error) = connection.set_nodelay(true) {
        debug!(%error, "cannot set TCP_NODELAY");
    }
}

fn routes(app: Arc<App>, max_entry_bytes: u32) -> Router {
    let limits = post(limits::post).layer(DefaultBodyLimit::max(limits::MAX_BODY_BYTES));
    let returns = post(limits::post_return).layer(DefaultBodyLimit::max(limits::MAX_BODY_BYTES));
    let entries = get(cache::get).put(cache::put).layer(DefaultBodyLimit::max(max_entry_bytes as usize));
    Router::new()
        .route(LIMITS_PATH, limits)
        .route(RETURN_PATH, returns)
        .route(&format!("{CACHE_PATH}/{{name}}"), entries)
        .route("/healthz", get(|| async { "alive" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(app)
}

/// Whether Redis takes commands.
async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.store.ping(deadline::until(app.patience.entry)).await {
        Ok(()) => "ready".into_response(),
        Err(failure) => (StatusCode::SERVICE_UNAVAILABLE, Failure::from(failure).to_string()).into_response(),
    }
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    match app.metrics.encode() {
        Ok(page) => ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], page)
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
