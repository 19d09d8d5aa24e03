//! Which kinds of credentials a route accepts, and where.

use serde::{Deserialize, Serialize};

use super::Place;
use crate::{Check, Invalid, invalid::check_each};

/// Which tokens a route accepts, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AcceptJwt {
    /// Names of JWT providers. Empty: any provider that the gateway knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<String>,
    /// Where a token may be, 1 to 4 places; a request has one token, wherever it is. Default: `authorization`.
    #[serde(default = "in_authorization", skip_serializing_if = "is_in_authorization")]
    pub from: Vec<Place>,
    /// Whether the upstream gets the token. Default: true.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub forward: bool,
}

impl Default for AcceptJwt {
    fn default() -> Self {
        Self { providers: Vec::new(), from: in_authorization(), forward: true }
    }
}

fn in_authorization() -> Vec<Place> {
    vec![Place::header("authorization")]
}

fn is_in_authorization(places: &Vec<Place>) -> bool {
    *places == in_authorization()
}

fn yes() -> bool {
    true
}

fn is_true(flag: &bool) -> bool {
    *flag
}

/// Where a route looks for an API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AcceptApiKey {
    /// Where a key may be, 1 to 4 places; a request has one key, wherever it is. Default: the header `x-api-key`.
    #[serde(default = "in_x_api_key", skip_serializing_if = "is_in_x_api_key")]
    pub from: Vec<Place>,
    /// Whether the upstream gets the key, which is the consumer's secret with the gateway. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forward: bool,
}

impl Default for AcceptApiKey {
    fn default() -> Self {
        Self { from: in_x_api_key(), forward: false }
    }
}

fn in_x_api_key() -> Vec<Place> {
    vec![Place::header("x-api-key")]
}

fn is_in_x_api_key(places: &Vec<Place>) -> bool {
    *places == in_x_api_key()
}

impl Check for AcceptJwt {
    fn check(&self) -> Result<(), Invalid> {
        check_places(&self.from)
    }
}

impl Check for AcceptApiKey {
    fn check(&self) -> Result<(), Invalid> {
        check_places(&self.from)
    }
}

/// Most places for one kind of credentials.
const MAX_PLACES: usize = 4;

fn check_places(places: &[Place]) -> Result<(), Invalid> {
    if places.is_empty() || places.len() > MAX_PLACES {
        return Err(Invalid::new("from", format!("needs 1 to {MAX_PLACES} places")));
    }
    check_each("from", places)
}
