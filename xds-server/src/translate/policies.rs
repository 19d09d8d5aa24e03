//! What the policies of a route become: metadata that the filters read, and switches.

use std::collections::HashMap;

use bytes::Bytes;
use envoy_types::pb::envoy::config::route::v3::FilterConfig;
use ferrox_policy::{auth, cache, placement, rate_limit::Stage};
use serde::Serialize;

use super::{
    canonical::{self, RouteMaps, Strings},
    filters, proto,
};
use crate::model::Policies;

/// Encodes each policy once, however many routes have the same.
pub(super) struct PolicyMaps {
    /// The filters in the order of their names, and what switches each off.
    filters: Vec<(&'static str, Bytes)>,
    /// The metadata of the policies so far, by filter and JSON.
    known: HashMap<(&'static str, String), Bytes>,
}

impl PolicyMaps {
    pub(super) fn new() -> Self {
        let off = proto::any(&FilterConfig { disabled: true, ..FilterConfig::default() });
        let mut filters = filters::chain().map(|filter| (filter, canonical::entry(filter, &off)));
        filters.sort();
        Self { filters: filters.to_vec(), known: HashMap::new() }
    }

    /// Each filter's policy in its namespace of the metadata; a filter without one is switched off.
    pub(super) fn of(&mut self, policies: &Policies) -> RouteMaps {
        let mut maps = RouteMaps::default();
        for (filter, off) in &self.filters {
            match policy(policies, filter) {
                Some(json) => {
                    let known = self.known.entry((filter, json));
                    maps.metadata(known.or_insert_with_key(|(filter, json)| metadata(filter, json)).clone());
                }
                None => maps.filter_config(off.clone()),
            }
        }
        maps
    }
}

/// The policy that a filter reads.
fn policy(policies: &Policies, filter: &str) -> Option<String> {
    match filter {
        auth::FILTER => policies.auth.as_ref().map(json),
        cache::FILTER => policies.cache.as_ref().map(json),
        _ => {
            let stage = Stage::ALL.into_iter().find(|stage| stage.filter() == filter)?;
            policies.rate_limit.as_ref()?.at(stage).as_ref().map(json)
        }
    }
}

/// Policies are structs of strings and numbers: they always serialize.
fn json(policy: &impl Serialize) -> String {
    serde_json::to_string(policy).unwrap_or_default()
}

fn metadata(filter: &str, json: &str) -> Bytes {
    let digest = placement::digest(json);
    canonical::entry(filter, &Strings::from([(placement::POLICY, json), (placement::DIGEST, &digest)]))
}
