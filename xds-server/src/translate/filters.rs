//! Configuration of the filters (ECDS).

use std::path::Path;

use envoy_types::pb::{
    envoy::{
        config::core::v3::{
            AsyncDataSource, DataSource, TypedExtensionConfig, async_data_source, data_source,
        },
        extensions::{
            filters::http::wasm::v3::Wasm,
            wasm::v3::{FailurePolicy, PluginConfig, VmConfig, plugin_config::Vm},
        },
    },
    google::protobuf::StringValue,
};
use ferrox_policy::{
    auth::{self, AuthConfig},
    cache::{self, CacheConfig},
    placement::Placement,
    rate_limit::{RateLimitConfig, Stage},
    sidecar::Sidecar,
};
use serde::Serialize;

use super::{SIDECAR_CLUSTER, Settings, proto};

/// The filters in the order of the chain. Order is policy: what is cheap and rejects comes first, limits by identity
/// follow authentication, and nobody reads from the cache what they may not read from the upstream.
pub(super) fn chain() -> [&'static str; 4] {
    [Stage::Address.filter(), auth::FILTER, Stage::Identity.filter(), cache::FILTER]
}

/// Keys that a worker remembers for limits without a store.
const LOCAL_KEYS: usize = 10_000;
/// Keys that a worker knows to be over a limit.
const KNOWN_KEYS: usize = 10_000;

/// The configuration of each filter of the chain but the auth filter.
pub(super) fn all_but_auth(settings: &Settings) -> Vec<TypedExtensionConfig> {
    let dir = &settings.wasm_dir;
    let rate_limit = |stage: Stage| {
        let config = RateLimitConfig {
            stage,
            sidecar: sidecar(),
            local_keys: LOCAL_KEYS,
            known_keys: KNOWN_KEYS,
            policies: Placement::default(),
        };
        filter(stage.filter(), &dir.join("ferrox_rate_limit.wasm"), &config)
    };
    let cache = CacheConfig { sidecar: sidecar(), policies: Placement::default() };
    vec![
        rate_limit(Stage::Address),
        rate_limit(Stage::Identity),
        filter(cache::FILTER, &dir.join("ferrox_cache_key.wasm"), &cache),
    ]
}

/// The configuration of the auth filter, which may hold a hundred thousand keys.
pub(super) fn auth(config: &AuthConfig, settings: &Settings) -> TypedExtensionConfig {
    let config = AuthConfig { usage: settings.key_usage.clone(), ..config.clone() };
    filter(auth::FILTER, &settings.wasm_dir.join("ferrox_auth.wasm"), &config)
}

fn sidecar() -> Sidecar {
    Sidecar { cluster: SIDECAR_CLUSTER.to_owned(), timeout_ms: None }
}

fn filter(name: &str, code: &Path, config: &impl Serialize) -> TypedExtensionConfig {
    // Strings, numbers and JSON values: they always serialize.
    let json = serde_json::to_string(config).unwrap_or_default();
    let file = DataSource {
        specifier: Some(data_source::Specifier::Filename(code.to_string_lossy().into_owned())),
        ..DataSource::default()
    };
    let vm = VmConfig {
        // A VM for each filter: those that share one share its crashes.
        vm_id: name.to_owned(),
        runtime: "envoy.wasm.runtime.v8".to_owned(),
        code: Some(AsyncDataSource { specifier: Some(async_data_source::Specifier::Local(file)) }),
        ..VmConfig::default()
    };
    let plugin = PluginConfig {
        name: name.to_owned(),
        root_id: name.to_owned(),
        configuration: Some(proto::any(&StringValue { value: json })),
        // Any other policy lets requests past a dead filter or keeps it dead.
        failure_policy: FailurePolicy::FailReload.into(),
        vm: Some(Vm::VmConfig(vm)),
        ..PluginConfig::default()
    };
    TypedExtensionConfig {
        name: name.to_owned(),
        typed_config: Some(proto::any(&Wasm { config: Some(plugin) })),
    }
}
