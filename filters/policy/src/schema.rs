//! JSON Schema of everything that can be configured, for editors and for the reference documentation.

use schemars::{Schema, generate::SchemaSettings};

use crate::{
    auth::{AuthConfig, AuthPolicy},
    cache::{CacheConfig, CachePolicy},
    rate_limit::{RateLimitConfig, RateLimitPolicy},
};

/// Every schema with the name of its file.
#[must_use]
pub fn all() -> [(&'static str, Schema); 6] {
    let generate = || SchemaSettings::draft2020_12().into_generator();
    [
        ("auth-policy", generate().into_root_schema_for::<AuthPolicy>()),
        ("auth-config", generate().into_root_schema_for::<AuthConfig>()),
        ("rate-limit-policy", generate().into_root_schema_for::<RateLimitPolicy>()),
        ("rate-limit-config", generate().into_root_schema_for::<RateLimitConfig>()),
        ("cache-policy", generate().into_root_schema_for::<CachePolicy>()),
        ("cache-config", generate().into_root_schema_for::<CacheConfig>()),
    ]
}
