//! What the JSON columns hold, for the reference documentation.

use super::conditions;
use ferrox_policy::{
    auth::{AuthPolicy, ClaimRule, JwkSet},
    cache::CachePolicy,
    rate_limit::RateLimitPolicy,
};
use schemars::{JsonSchema, Schema, generate::SchemaSettings};

use super::{
    Compression, Cors, HashKey, HeaderChanges, HealthCheck, Maintenance, Probe, Redirect, Response, Retry,
    Rewrite, TcpKeepalive, Tls,
};

/// A kind of document in a JSON column.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// Which rows hold this kind, for a column that holds several: a condition on another column.
    pub of: Option<&'static str>,
    /// The type, as JSON Schema.
    pub schema: Schema,
}

impl Document {
    fn new<T: JsonSchema>(table: &'static str, column: &'static str) -> Self {
        let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
        Self { table, column, of: None, schema }
    }

    fn of<T: JsonSchema>(condition: &'static str, table: &'static str, column: &'static str) -> Self {
        Self { of: Some(condition), ..Self::new::<T>(table, column) }
    }
}

/// Every kind of document that rows can hold.
#[must_use]
pub fn documents() -> Vec<Document> {
    vec![
        Document::new::<conditions::Document>("routes", "conditions"),
        Document::new::<Maintenance>("routes", "maintenance"),
        Document::new::<Redirect>("routes", "redirect"),
        Document::new::<Response>("routes", "response"),
        Document::new::<Rewrite>("routes", "rewrite"),
        Document::new::<Retry>("routes", "retry"),
        Document::new::<HeaderChanges>("routes", "request_headers"),
        Document::new::<HeaderChanges>("routes", "response_headers"),
        Document::new::<Cors>("routes", "cors"),
        Document::new::<Compression>("routes", "compression"),
        Document::new::<Vec<HashKey>>("routes", "hash_on"),
        Document::new::<HealthCheck>("upstreams", "health_check"),
        Document::new::<Probe>("upstreams", "probe"),
        Document::new::<TcpKeepalive>("upstreams", "tcp_keepalive"),
        Document::new::<Tls>("upstreams", "tls"),
        Document::of::<AuthPolicy>("kind = 'auth'", "route_policies", "policy"),
        Document::of::<RateLimitPolicy>("kind = 'rate_limit'", "route_policies", "policy"),
        Document::of::<CachePolicy>("kind = 'cache'", "route_policies", "policy"),
        Document::new::<JwkSet>("jwt_providers", "jwks"),
        Document::new::<Vec<ClaimRule>>("jwt_providers", "claims"),
    ]
}
