//! What the Envoys run.

use std::path::PathBuf;

use ferrox_testbed::bench::configuration::{Served, wasm};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    requests::{API_KEY, issuer},
    variant::{Brings, Filter, JwtAuthn, Variant},
};

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const AUDIENCE: &str = "api";

/// The wasm modules.
pub(crate) struct Modules {
    pub(crate) auth: PathBuf,
    pub(crate) empty: PathBuf,
    /// Auth that never asks Envoy for a signature.
    pub(crate) all_in_wasm: PathBuf,
}

/// What the listener of each variant serves.
pub(crate) fn served(variants: &[Variant], modules: &Modules) -> Vec<Served> {
    let served = |variant: &Variant| Served {
        name: variant.name.clone(),
        filters: filter(variant, modules).into_iter().collect(),
        route: route(variant),
    };
    variants.iter().map(served).collect()
}

/// To the upstream, with the policy where the control plane writes it.
fn route(variant: &Variant) -> Value {
    let policy = match variant.brings {
        Brings::ApiKey => json!({"api_key": {}}),
        _ => json!({"jwt": {"providers": ["bench"]}}),
    };
    json!({
        "match": {"prefix": "/"},
        "route": {"cluster": "upstream"},
        "metadata": {"filter_metadata": {"ferrox.auth": {
            "digest": variant.name, "policy": policy.to_string(),
        }}},
    })
}

fn filter(variant: &Variant, modules: &Modules) -> Option<Value> {
    match variant.filter {
        Filter::None => None,
        Filter::Empty => Some(wasm(&variant.name, &modules.empty, &json!({}))),
        Filter::JwtAuthn(how) => Some(jwt_authn(how)),
        Filter::ApiKeyAuth => Some(api_key_auth()),
        Filter::Ferrox { consumers } => Some(wasm(&variant.name, &modules.auth, &auth(consumers))),
        Filter::FerroxAllInWasm => Some(wasm(&variant.name, &modules.all_in_wasm, &auth(1))),
    }
}

fn auth(consumers: usize) -> Value {
    let keys: Vec<_> = issuer::ALGORITHMS.iter().map(|algorithm| issuer::public_jwk(algorithm)).collect();
    let digest =
        |key: &str| -> String { Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect() };
    let consumer = |number| match number {
        0 => json!({"name": "client-0", "key_sha256": [digest(API_KEY)]}),
        _ => json!({"name": format!("client-{number}"), "key_sha256": [digest(&format!("other-{number}"))]}),
    };
    json!({
        "providers": [
            {"name": "bench", "issuer": ISSUER, "audiences": [AUDIENCE], "jwks": {"keys": keys}},
        ],
        "consumers": (0..consumers).map(consumer).collect::<Vec<_>>(),
    })
}

fn jwt_authn(how: JwtAuthn) -> Value {
    let keys: Vec<_> = ["RS256", "ES256"].map(issuer::public_jwk).to_vec();
    let cache = json!({"jwt_cache_size": 100});
    let headers = [("iss", "x-issuer"), ("sub", "x-subject"), ("scope", "x-scopes")]
        .map(|(claim, header)| json!({"claim_name": claim, "header_name": header}));
    let more = match how {
        JwtAuthn::Plain => json!({}),
        JwtAuthn::Caching => json!({"jwt_cache_config": cache}),
        JwtAuthn::Telling => {
            json!({"jwt_cache_config": cache, "claim_to_headers": headers, "payload_in_metadata": "jwt"})
        }
    };
    let mut provider = json!({
        "issuer": ISSUER, "audiences": [AUDIENCE], "forward": true,
        "local_jwks": {"inline_string": json!({"keys": keys}).to_string()},
    });
    if let (Some(members), Value::Object(more)) = (provider.as_object_mut(), more) {
        members.extend(more);
    }
    json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"bench": provider},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "bench"}}],
        },
    })
}

/// As auth does, it takes the key out and tells the upstream whose it was.
fn api_key_auth() -> Value {
    json!({
        "name": "envoy.filters.http.api_key_auth",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth",
            "credentials": [{"key": API_KEY, "client": "client-0"}],
            "key_sources": [{"header": "x-api-key"}],
            "forwarding": {"header": "x-client", "hide_credentials": true},
        },
    })
}
