//! The policy of a route.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{AcceptApiKey, AcceptJwt, ClaimPath, ClaimRule, Place};
use crate::{
    Check, Invalid, identity,
    invalid::{check_each, check_header_name},
};

/// What a request must bring to pass a route.
///
/// At least one of `jwt` and `api_key` is set. Whatever a request brings of them must be in order, also where one of them
/// would be enough: what is not allowed is refused. CORS preflights, which can bring nothing, pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AuthPolicy {
    /// Accept a bearer token (RFC 6750) of one of these providers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt: Option<AcceptJwt>,
    /// Accept an API key of a consumer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<AcceptApiKey>,
    /// Where both are accepted: whether either is enough, or both are needed. Default: `any`.
    #[serde(default, skip_serializing_if = "Require::is_any")]
    pub require: Require,
    /// Who brings nothing passes without an identity. Who brings something passes with it, or not at all. Default: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
    /// Scopes that the token or the consumer must hold, all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// What must hold for the claims of the token; without a token none of them does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimRule>,
    /// What requests of some methods need besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<MethodNeeds>,
    /// Claims that the upstream gets as headers, at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claim_headers: Vec<ClaimHeader>,
    /// Claims that the later filters may look at, at most 16. Those that limits of the same route count by need not be named, the
    /// control plane adds them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publish_claims: Vec<ClaimPath>,
    /// Whoever would be refused passes without an identity, and is counted and logged. Default: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub report_only: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// How many of the accepted kinds of credentials a request needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Require {
    /// One.
    #[default]
    Any,
    /// Each.
    All,
}

impl Require {
    fn is_any(&self) -> bool {
        *self == Self::Any
    }
}

/// What requests of some methods need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MethodNeeds {
    /// The methods, at least one, in upper case.
    pub methods: Vec<String>,
    /// Scopes that the token or the consumer must hold, all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// What must hold for the claims of the token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimRule>,
}

/// A claim that the upstream gets as a header. Whatever a client sent under that name is removed, in every spelling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClaimHeader {
    /// Which claim. Lists of values are joined by commas, objects are written as JSON.
    pub claim: ClaimPath,
    /// The header, in lower case.
    pub header: String,
}

/// Most headers that claims can be written to.
const MAX_CLAIM_HEADERS: usize = 16;
/// Most claims that later filters may look at.
const MAX_PUBLISHED: usize = 16;

impl Check for AuthPolicy {
    fn check(&self) -> Result<(), Invalid> {
        if self.jwt.is_none() && self.api_key.is_none() {
            return Err(Invalid::new("", "one of jwt and api_key is needed, or nobody could pass"));
        }
        if self.require == Require::All && (self.jwt.is_none() || self.api_key.is_none()) {
            return Err(Invalid::new("require", "all needs both jwt and api_key"));
        }
        if let Some(jwt) = &self.jwt {
            jwt.check().map_err(|invalid| invalid.within("jwt"))?;
        }
        if let Some(api_key) = &self.api_key {
            api_key.check().map_err(|invalid| invalid.within("api_key"))?;
        }
        self.check_apart()?;
        check_needs(&self.scopes, &self.claims)?;
        check_each("methods", &self.methods)?;
        self.check_claim_headers()?;
        self.check_published()?;
        let names_claims =
            !(self.claims.is_empty() && self.claim_headers.is_empty() && self.publish_claims.is_empty());
        if self.jwt.is_none() && names_claims {
            return Err(Invalid::new("jwt", "is needed where claims are: API keys have none"));
        }
        Ok(())
    }
}

impl AuthPolicy {
    /// Refuses a place for both kinds: what stands there would have to be both.
    fn check_apart(&self) -> Result<(), Invalid> {
        let (Some(jwt), Some(api_key)) = (&self.jwt, &self.api_key) else { return Ok(()) };
        let same = |a: &Place, b: &Place| a.header == b.header && a.query == b.query && a.cookie == b.cookie;
        let shared = api_key.from.iter().position(|place| jwt.from.iter().any(|other| same(place, other)));
        match shared {
            Some(index) => {
                Err(Invalid::new(format!("api_key.from[{index}]"), "is a place for tokens already"))
            }
            None => Ok(()),
        }
    }

    /// Has the later filters see these claims too.
    pub fn publish<'c>(&mut self, claims: impl Iterator<Item = &'c ClaimPath>) {
        for claim in claims {
            if !self.publish_claims.iter().any(|known| known.is_same(claim)) {
                self.publish_claims.push(claim.clone());
            }
        }
    }

    fn check_published(&self) -> Result<(), Invalid> {
        if self.publish_claims.len() > MAX_PUBLISHED {
            return Err(Invalid::new("publish_claims", format!("must be at most {MAX_PUBLISHED}")));
        }
        check_each("publish_claims", &self.publish_claims)
    }

    fn check_claim_headers(&self) -> Result<(), Invalid> {
        if self.claim_headers.len() > MAX_CLAIM_HEADERS {
            return Err(Invalid::new("claim_headers", format!("must be at most {MAX_CLAIM_HEADERS}")));
        }
        check_each("claim_headers", &self.claim_headers)?;
        let mut seen = HashSet::new();
        let places =
            self.jwt.iter().flat_map(|jwt| &jwt.from).chain(self.api_key.iter().flat_map(|key| &key.from));
        seen.extend(places.filter_map(|place| place.header.as_ref()));
        for (index, ClaimHeader { header, .. }) in self.claim_headers.iter().enumerate() {
            if !seen.insert(header) {
                return Err(Invalid::new(
                    format!("claim_headers[{index}].header"),
                    format!("'{header}' stands twice"),
                ));
            }
        }
        Ok(())
    }
}

impl Check for MethodNeeds {
    fn check(&self) -> Result<(), Invalid> {
        let is_method = |method: &String| {
            !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
        };
        if self.methods.is_empty() || !self.methods.iter().all(is_method) {
            return Err(Invalid::new("methods", "needs at least one method, in upper case"));
        }
        check_needs(&self.scopes, &self.claims)
    }
}

/// Headers that no claim may be written to: they say how a message is framed and where it goes, or who sent it.
const RESERVED: [&str; 12] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
];

impl Check for ClaimHeader {
    fn check(&self) -> Result<(), Invalid> {
        self.claim.check().map_err(|invalid| invalid.within("claim"))?;
        check_header_name(&self.header).map_err(|e| Invalid::new("header", e))?;
        let header = self.header.as_str();
        if RESERVED.contains(&header) || identity::header::ALL.contains(&header) {
            return Err(Invalid::new("header", format!("'{header}' has another use, choose another")));
        }
        Ok(())
    }
}

fn check_needs(scopes: &[String], claims: &[ClaimRule]) -> Result<(), Invalid> {
    for (index, scope) in scopes.iter().enumerate() {
        check_scope(scope).map_err(|e| Invalid::new(format!("scopes[{index}]"), e))?;
    }
    check_each("claims", claims)
}

/// A scope token of RFC 6749 section 3.3: printable ASCII without space, `"` and `\`.
pub fn check_scope(scope: &str) -> Result<(), String> {
    let allowed = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    if scope.is_empty() || !scope.bytes().all(allowed) {
        return Err(format!("'{scope}' is no scope (RFC 6749 section 3.3)"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auth::refusal, parse};

    #[test]
    fn a_policy_that_nobody_could_satisfy_is_refused() {
        assert!(refusal::<AuthPolicy>(serde_json::json!({})).contains("one of jwt and api_key"));
    }

    #[test]
    fn a_policy_names_its_wrong_field() {
        let json = serde_json::json!({"api_key": {"from": [{"header": "X-Api-Key"}]}});
        assert!(refusal::<AuthPolicy>(json).starts_with("api_key.from[0].header: 'X-Api-Key'"));
        let json = serde_json::json!({"jwt": {"from": []}});
        assert_eq!(refusal::<AuthPolicy>(json), "jwt.from: needs 1 to 4 places");
        let json = serde_json::json!({"jwt": {}, "api_key": {"from": [{"query": "k"}, {"header": "authorization"}]}});
        assert_eq!(refusal::<AuthPolicy>(json), "api_key.from[1]: is a place for tokens already");
        let json = serde_json::json!({"api_key": {}, "scopes": ["read", "a b"]});
        assert!(refusal::<AuthPolicy>(json).starts_with("scopes[1]: 'a b' is no scope"));
    }

    #[test]
    fn defaults_are_filled_in() {
        let policy: AuthPolicy = parse(br#"{"api_key":{},"jwt":{}}"#).unwrap();
        assert_eq!(policy.api_key.unwrap().from, [Place::header("x-api-key")]);
        assert!(policy.jwt.as_ref().unwrap().providers.is_empty());
        assert_eq!(policy.jwt.unwrap().from, [Place::header("authorization")]);
    }

    #[test]
    fn what_needs_a_token_is_refused_without_one() {
        let json = serde_json::json!({"api_key": {}, "claims": [{"claim": "sub", "is": "present"}]});
        assert!(refusal::<AuthPolicy>(json).starts_with("jwt: is needed where claims are"));
        let json = serde_json::json!({"api_key": {}, "require": "all"});
        assert_eq!(refusal::<AuthPolicy>(json), "require: all needs both jwt and api_key");
    }

    #[test]
    fn needs_of_methods_name_their_wrong_field() {
        let of_methods = |needs: serde_json::Value| {
            refusal::<AuthPolicy>(serde_json::json!({"jwt": {}, "methods": [needs]}))
        };
        assert!(
            of_methods(serde_json::json!({"methods": []}))
                .starts_with("methods[0].methods: needs at least one")
        );
        assert!(
            of_methods(serde_json::json!({"methods": ["post"]})).starts_with("methods[0].methods: needs")
        );
        assert!(
            of_methods(serde_json::json!({"methods": ["POST"], "scopes": ["a b"]}))
                .starts_with("methods[0].scopes[0]: 'a b' is no scope")
        );
        assert!(
            of_methods(serde_json::json!({"methods": ["POST"], "claims": [{"claim": "", "is": "present"}]}))
                .starts_with("methods[0].claims[0].claim: must be")
        );
    }

    #[test]
    fn a_claim_goes_to_a_header_of_its_own() {
        let of_header = |header: &str| {
            let pair = serde_json::json!({"claim": "email", "header": header});
            refusal::<AuthPolicy>(serde_json::json!({"jwt": {}, "api_key": {}, "claim_headers": [pair]}))
        };
        for taken in ["host", "authorization", "x-ferrox-subject", "x-forwarded-for"] {
            assert!(
                of_header(taken).starts_with(&format!("claim_headers[0].header: '{taken}' has another use"))
            );
        }
        assert!(of_header("X-Email").starts_with("claim_headers[0].header: 'X-Email' is no header name"));
        assert_eq!(of_header("x-api-key"), "claim_headers[0].header: 'x-api-key' stands twice");
    }
}
