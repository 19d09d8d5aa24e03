//! What the JSON columns hold, for the reference documentation.

use ferrox_policy::{
    auth::{AuthPolicy, ClaimRule, JwkSet},
    cache::CachePolicy,
    rate_limit::RateLimitPolicy,
};
use schemars::{JsonSchema, Schema, generate::SchemaSettings};

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
        Document::of::<AuthPolicy>("kind = 'auth'", "route_policies", "policy"),
        Document::of::<RateLimitPolicy>("kind = 'rate_limit'", "route_policies", "policy"),
        Document::of::<CachePolicy>("kind = 'cache'", "route_policies", "policy"),
        Document::new::<JwkSet>("jwt_providers", "jwks"),
        Document::new::<Vec<ClaimRule>>("jwt_providers", "claims"),
    ]
}
