//! The filter with one configuration, and how it finds a request's policy.

use std::{io::Read, rc::Rc};

use ferrox_host::{Counter, Headers, Host, Plugin, PolicyCache};
use ferrox_policy::{
    cache::{self, CacheConfig, CachePolicy},
    parse, parse_from,
    placement::{self, Placement},
};

use crate::{filter::CacheStream, store::Store};

/// The cache-key filter with one configuration.
#[derive(Debug)]
pub struct CacheKey(Rc<Shared>);

/// What the streams of a worker share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    routes: PolicyCache<CachePolicy>,
    placed: Placement<Rc<CachePolicy>>,
    pub(crate) counters: Counters,
}

/// `hit`, `miss` and `bypass` add up to the requests under a policy: answered from the cache, looked up in vain,
/// not looked up. Failed look-ups and damaged entries are misses too.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) hit: Counter,
    pub(crate) miss: Counter,
    pub(crate) bypass: Counter,
    /// Entries handed to the sidecar. Its answer seldom finds the stream still there, see `store_failed`.
    pub(crate) stored: Counter,
    pub(crate) not_stored: Counter,
    /// Entries that Envoy did not send, or that the sidecar refused while the stream was still there.
    pub(crate) store_failed: Counter,
    pub(crate) lookup_failed: Counter,
    pub(crate) damaged: Counter,
}

impl Counters {
    fn define(host: &dyn Host) -> Self {
        let counter = |name: &str| host.counter(&format!("{}.{name}", cache::FILTER));
        Self {
            hit: counter("hit"),
            miss: counter("miss"),
            bypass: counter("bypass"),
            stored: counter("stored"),
            not_stored: counter("not_stored"),
            store_failed: counter("store_failed"),
            lookup_failed: counter("lookup_failed"),
            damaged: counter("damaged"),
        }
    }
}

impl Plugin for CacheKey {
    type Stream = CacheStream;

    fn configure(host: &dyn Host, configuration: impl Read) -> Result<Self, String> {
        let config: CacheConfig = parse_from(configuration).map_err(|invalid| invalid.to_string())?;
        Ok(Self(Rc::new(Shared {
            store: Store::new(config.sidecar),
            routes: PolicyCache::new(cache::FILTER, placement::DIGEST, placement::POLICY),
            placed: config.policies.map(Rc::new),
            counters: Counters::define(host),
        })))
    }

    fn open(&self) -> CacheStream {
        CacheStream::new(Rc::clone(&self.0))
    }
}

impl Shared {
    /// The policy of the request's route, or else the one that the configuration places there.
    ///
    /// # Errors
    /// When the route carries a policy that cannot be used.
    pub(crate) fn policy(
        &self,
        host: &dyn Host,
        headers: &Headers,
    ) -> Result<Option<Rc<CachePolicy>>, String> {
        let of_route = self.routes.of_route(host, parse).map_err(|invalid| invalid.to_string())?;
        if of_route.is_some() {
            return Ok(of_route);
        }
        let only = |name| headers.only(name).unwrap_or_default();
        Ok(self.placed.find(only(":authority"), only(":path")).map(Rc::clone))
    }
}
