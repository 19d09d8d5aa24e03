//! What is measured.

use ferrox_testbed::bench::{choice, limitador::Storage, table::Beside};

/// One way to serve a request.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    /// What stands before the router.
    pub(crate) filter: Filter,
    pub(crate) from: From,
    /// The aim of Envoy's time.
    pub(crate) envoy: Option<Beside>,
    /// The aim of the time of what Envoy asks.
    pub(crate) service: Option<Beside>,
}

/// A filter of Envoy's chain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Filter {
    None,
    /// A wasm filter that does nothing.
    Empty,
    /// `envoy.filters.http.ratelimit` in front of limitador.
    Native(Storage, Limits),
    Ferrox(Limits),
}

/// What stands behind a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Sidecar,
    LimitadorExact,
    LimitadorCached,
}

impl Service {
    /// Its cluster.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sidecar => "sidecar",
            Self::LimitadorExact => "limitador_exact",
            Self::LimitadorCached => "limitador_cached",
        }
    }
}

/// The limits of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limits {
    /// One by a fixed window with room for all requests.
    FixedWindow,
    /// The same as a token bucket.
    TokenBucket,
    /// Two by fixed windows with room for all requests.
    Two,
    /// One by a fixed window that has no room after the first request, which nobody remembers but the store.
    UsedUp,
    /// The same, which the filter remembers.
    KnownUsedUp,
    /// One by a fixed window with room for all requests, of which a worker holds tokens.
    Leased,
}

/// Whose requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    OneClient,
    /// 100,000 one after the other.
    ManyClients,
}

impl Filter {
    /// Whom it asks.
    pub(crate) const fn asks(self) -> Option<Service> {
        match self {
            Self::None | Self::Empty => None,
            Self::Native(Storage::Exact, _) => Some(Service::LimitadorExact),
            Self::Native(Storage::Cached, _) => Some(Service::LimitadorCached),
            Self::Ferrox(_) => Some(Service::Sidecar),
        }
    }

    /// How many questions so many requests lead to, at least and at most.
    pub(crate) const fn questions(self, requests: u64) -> (u64, u64) {
        match self {
            Self::None | Self::Empty => (0, 0),
            // Now and then: nothing like each.
            Self::Ferrox(Limits::KnownUsedUp | Limits::Leased) => (0, requests / 10),
            Self::Native(..) | Self::Ferrox(_) => (requests, requests),
        }
    }
}

impl Variant {
    fn new(name: &'static str, filter: Filter) -> Self {
        Self { name, filter, from: From::OneClient, envoy: None, service: None }
    }

    fn many(self) -> Self {
        Self { from: From::ManyClients, ..self }
    }

    fn envoy(self, name: &'static str, aim: f64) -> Self {
        Self { envoy: Some(Beside { name, aim }), ..self }
    }

    fn service(self, name: &'static str, aim: f64) -> Self {
        Self { service: Some(Beside { name, aim }), ..self }
    }

    /// The statuses that the answer may have.
    pub(crate) const fn statuses(&self) -> &'static [u16] {
        match self.filter {
            // The first passes.
            Filter::Native(_, Limits::UsedUp) => &[200, 429],
            Filter::Ferrox(Limits::UsedUp | Limits::KnownUsedUp) => &[200, 429],
            _ => &[200],
        }
    }
}

impl choice::Variant for Variant {
    fn name(&self) -> &str {
        self.name
    }

    fn beside(&self) -> Vec<&'static str> {
        self.envoy.iter().chain(&self.service).map(|beside| beside.name).collect()
    }
}

pub(crate) const BARE: &str = "bare proxy";
pub(crate) const NATIVE: &str = "native, limitador";
const NATIVE_TWO: &str = "native, limitador, two limits";
const NATIVE_MANY: &str = "native, limitador, 100,000 clients";
const NATIVE_DENIED: &str = "native, limitador, denied";

/// Everything.
pub(crate) fn all() -> Vec<Variant> {
    use Limits::{FixedWindow, KnownUsedUp, Leased, TokenBucket, Two, UsedUp};
    let native = |name, limits| Variant::new(name, Filter::Native(Storage::Exact, limits));
    let ferrox = |name, limits| Variant::new(name, Filter::Ferrox(limits));
    let third = 1.0 / 3.0;
    vec![
        Variant::new(BARE, Filter::None),
        Variant::new("empty wasm filter", Filter::Empty),
        native(NATIVE, FixedWindow),
        Variant::new("native, limitador cached", Filter::Native(Storage::Cached, FixedWindow)),
        ferrox("exact, fixed window", FixedWindow).envoy(NATIVE, 1.0).service(NATIVE, third),
        ferrox("exact, token bucket", TokenBucket).envoy(NATIVE, 1.0).service(NATIVE, third),
        native(NATIVE_TWO, Two),
        ferrox("exact, two limits", Two).envoy(NATIVE_TWO, 1.0).service(NATIVE_TWO, third),
        native(NATIVE_MANY, FixedWindow).many(),
        ferrox("exact, 100,000 clients", FixedWindow)
            .many()
            .envoy(NATIVE_MANY, 1.0)
            .service(NATIVE_MANY, third),
        native(NATIVE_DENIED, UsedUp),
        ferrox("denied by the store", UsedUp).envoy(NATIVE_DENIED, 1.0).service(NATIVE_DENIED, third),
        ferrox("denied, known", KnownUsedUp).envoy(BARE, 1.0),
        ferrox("leased", Leased).envoy(BARE, 1.35),
    ]
}
