//! What the measured Envoy runs.

use std::{collections::BTreeMap, path::PathBuf};

use ferrox_testbed::bench::configuration::{Served, address, cluster, wasm};
use serde_json::{Value, json};

use crate::variant::{Filter, Limits, Service, Variant};

/// Longest wait of Envoy for an answer: a busy machine is no failure.
const PATIENCE_MS: u32 = 5_000;

/// The wasm modules.
pub(crate) struct Modules {
    pub(crate) rate_limit: PathBuf,
    pub(crate) empty: PathBuf,
}

/// What the listener of each variant serves.
pub(crate) fn served(variants: &[Variant], modules: &Modules) -> Vec<Served> {
    let served = |variant: &Variant| Served {
        name: variant.name.to_owned(),
        filters: filter(variant, modules).into_iter().collect(),
        route: route(variant),
    };
    variants.iter().map(served).collect()
}

/// The clusters of the services, by HTTP/2.
pub(crate) fn clusters(ports: &BTreeMap<Service, u16>) -> Vec<Value> {
    let cluster = |(service, port): (&Service, &u16)| {
        let mut cluster = cluster(service.name(), &address(*port));
        if let Some(members) = cluster.as_object_mut() {
            members.insert(
                "typed_extension_protocol_options".to_owned(),
                json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": {"http2_protocol_options": {}},
                }}),
            );
        }
        cluster
    };
    ports.iter().map(cluster).collect()
}

/// To the upstream, with the limits where the control plane writes them and where Envoy's own filter looks for them.
fn route(variant: &Variant) -> Value {
    let (rate_limits, metadata) = match variant.filter {
        Filter::None | Filter::Empty => (json!([]), json!({})),
        Filter::Native(..) => (json!([{"actions": [{"remote_address": {}}]}]), json!({})),
        Filter::Ferrox(limits) => {
            let policy = json!({"limits": policy(limits)}).to_string();
            (json!([]), json!({"ferrox.rate_limit.address": {"digest": variant.name, "policy": policy}}))
        }
    };
    json!({
        "name": variant.name,
        "match": {"prefix": "/"},
        "route": {"cluster": "upstream", "rate_limits": rate_limits},
        "metadata": {"filter_metadata": metadata},
    })
}

fn policy(limits: Limits) -> Vec<Value> {
    let limit = |name: &str, algorithm: &str, requests: u32, window_seconds: u32| {
        json!({
            "name": name, "by": "address", "algorithm": algorithm, "requests": requests,
            "window_seconds": window_seconds, "on_store_failure": "deny",
        })
    };
    let hour = limit("hour", "fixed_window", 1_000_000_000, 3600);
    match limits {
        Limits::FixedWindow => vec![hour],
        Limits::TokenBucket => vec![limit("hour", "token_bucket", 1_000_000_000, 3600)],
        Limits::Two => vec![hour, limit("minute", "fixed_window", 1_000_000_000, 60)],
        Limits::UsedUp | Limits::KnownUsedUp => vec![limit("month", "fixed_window", 1, 2_678_400)],
        Limits::Leased => {
            let mut leased = hour;
            if let Some(members) = leased.as_object_mut() {
                members.insert("mode".to_owned(), json!("leased"));
            }
            vec![leased]
        }
    }
}

fn filter(variant: &Variant, modules: &Modules) -> Option<Value> {
    match variant.filter {
        Filter::None => None,
        Filter::Empty => Some(wasm(variant.name, &modules.empty, &json!({}))),
        Filter::Native(_, limits) => Some(native(limits, variant.filter.asks()?)),
        Filter::Ferrox(limits) => {
            let sidecar = json!({"cluster": Service::Sidecar.name(), "timeout_ms": PATIENCE_MS});
            let known_keys = if limits == Limits::UsedUp { 0 } else { 10_000 };
            let configuration = json!({"stage": "address", "sidecar": sidecar, "known_keys": known_keys});
            Some(wasm(variant.name, &modules.rate_limit, &configuration))
        }
    }
}

fn native(limits: Limits, service: Service) -> Value {
    // As limitador has them.
    let domain = match limits {
        Limits::FixedWindow | Limits::TokenBucket | Limits::Leased => "allowed",
        Limits::Two => "two",
        Limits::UsedUp | Limits::KnownUsedUp => "denied",
    };
    json!({
        "name": "envoy.filters.http.ratelimit",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit",
            "domain": domain,
            "timeout": format!("{}s", PATIENCE_MS / 1000),
            "failure_mode_deny": true,
            "rate_limit_service": {
                "transport_api_version": "V3",
                "grpc_service": {"envoy_grpc": {"cluster_name": service.name()}},
            },
        },
    })
}
