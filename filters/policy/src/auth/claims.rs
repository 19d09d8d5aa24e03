//! Rules on the claims of a token.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::{Check, Invalid};

/// Longest path to a claim.
const MAX_DEPTH: usize = 8;

/// A claim by its path: `"realm_access.roles"` goes into objects at each dot; a list of names is taken as it is, for names
/// that have dots: `["https://example.com/roles"]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ClaimPath {
    /// Names with a dot between them.
    Dotted(String),
    /// 1 to 8 names.
    Names(Vec<String>),
}

impl ClaimPath {
    /// The claim among these; `None` where there is none, or `null`.
    #[must_use]
    pub fn find<'c>(&self, claims: &'c Map<String, Value>) -> Option<&'c Value> {
        let mut names = self.names();
        let first = claims.get(names.next()?)?;
        let found = names.try_fold(first, |value, name| value.as_object()?.get(name))?;
        (!found.is_null()).then_some(found)
    }

    /// The names as a JSON list, the same for both ways to write them.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::Value::from_iter(self.names()).to_string()
    }

    /// Whether both lead to the same claim.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.names().eq(other.names())
    }

    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Dotted(path) => Box::new(path.split('.')),
            Self::Names(names) => Box::new(names.iter().map(String::as_str)),
        }
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.names().collect::<Vec<_>>().join("."))
    }
}

impl Check for ClaimPath {
    fn check(&self) -> Result<(), Invalid> {
        let count = self.names().count();
        if count == 0 || count > MAX_DEPTH || self.names().any(str::is_empty) {
            return Err(Invalid::new("", format!("must be 1 to {MAX_DEPTH} names, none of them empty")));
        }
        Ok(())
    }
}

/// What must hold for a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClaimRule {
    /// Which claim.
    pub claim: ClaimPath,
    /// What it must be.
    pub is: ClaimTest,
}

/// What a claim must be. Values are compared with their type: `"1"` is not `1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClaimTest {
    /// There, and not `null`.
    Present,
    /// This value.
    Equals(Scalar),
    /// One of these values, of which there is at least one.
    OneOf(Vec<Scalar>),
    /// A list that has this value, or this value alone.
    Contains(Scalar),
}

/// A value that is neither a list nor an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Flag(bool),
    /// A number.
    Number(#[cfg_attr(feature = "schema", schemars(with = "f64"))] Number),
    /// A string.
    Text(String),
}

impl Scalar {
    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Flag(this), Value::Bool(other)) => this == other,
            // 1 and 1.0 are the same number (RFC 8259 section 6).
            (Self::Number(this), Value::Number(other)) => this == other || this.as_f64() == other.as_f64(),
            (Self::Text(this), Value::String(other)) => this == other,
            _ => false,
        }
    }
}

impl ClaimRule {
    /// Whether the rule holds for these claims.
    #[must_use]
    pub fn holds(&self, claims: &Map<String, Value>) -> bool {
        let Some(value) = self.claim.find(claims) else { return false };
        match &self.is {
            ClaimTest::Present => true,
            ClaimTest::Equals(wanted) => wanted.is(value),
            ClaimTest::OneOf(wanted) => wanted.iter().any(|wanted| wanted.is(value)),
            ClaimTest::Contains(wanted) => match value {
                Value::Array(list) => list.iter().any(|value| wanted.is(value)),
                alone => wanted.is(alone),
            },
        }
    }
}

impl Check for ClaimRule {
    fn check(&self) -> Result<(), Invalid> {
        self.claim.check().map_err(|invalid| invalid.within("claim"))?;
        if matches!(&self.is, ClaimTest::OneOf(wanted) if wanted.is_empty()) {
            return Err(Invalid::new("is.one_of", "needs at least one value"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(rule: Value) -> bool {
        let claims = json!({
            "sub": "alice", "n": 1, "f": 1.5, "ok": true, "nothing": null, "groups": ["a", 2], "a.b": "dotted",
            "realm": {"roles": ["admin"], "deep": {"er": 1}},
        });
        let rule: ClaimRule = serde_json::from_value(rule).unwrap();
        rule.check().unwrap();
        rule.holds(claims.as_object().unwrap())
    }

    #[test]
    fn a_rule_holds_for_the_claim_that_it_names() {
        for rule in [
            json!({"claim": "sub", "is": "present"}),
            json!({"claim": "sub", "is": {"equals": "alice"}}),
            json!({"claim": "n", "is": {"equals": 1.0}}),
            json!({"claim": "ok", "is": {"equals": true}}),
            json!({"claim": "f", "is": {"one_of": [1, 1.5]}}),
            json!({"claim": "groups", "is": {"contains": 2}}),
            json!({"claim": "sub", "is": {"contains": "alice"}}),
            json!({"claim": "realm.roles", "is": {"contains": "admin"}}),
            json!({"claim": "realm.deep.er", "is": {"equals": 1}}),
            json!({"claim": ["a.b"], "is": {"equals": "dotted"}}),
            json!({"claim": ["realm", "roles"], "is": "present"}),
        ] {
            assert!(holds(rule.clone()), "{rule}");
        }
    }

    #[test]
    fn a_rule_does_not_hold_for_another_value_type_or_place() {
        for rule in [
            json!({"claim": "none", "is": "present"}),
            json!({"claim": "nothing", "is": "present"}),
            json!({"claim": "sub", "is": {"equals": "Alice"}}),
            json!({"claim": "n", "is": {"equals": "1"}}),
            json!({"claim": "ok", "is": {"equals": "true"}}),
            json!({"claim": "groups", "is": {"equals": "a"}}),
            json!({"claim": "groups", "is": {"contains": "b"}}),
            json!({"claim": "sub", "is": {"contains": "ali"}}),
            json!({"claim": "a.b", "is": "present"}),
            json!({"claim": "sub.x", "is": "present"}),
            json!({"claim": "realm.deep", "is": {"contains": 1}}),
        ] {
            assert!(!holds(rule.clone()), "{rule}");
        }
    }

    #[test]
    fn a_rule_that_makes_no_sense_is_refused() {
        for (rule, refusal) in [
            (json!({"claim": "", "is": "present"}), "claim: must be 1 to 8 names"),
            (json!({"claim": "a..b", "is": "present"}), "claim: must be 1 to 8 names"),
            (json!({"claim": [], "is": "present"}), "claim: must be 1 to 8 names"),
            (json!({"claim": "a", "is": {"one_of": []}}), "is.one_of: needs at least one value"),
        ] {
            let rule: ClaimRule = serde_json::from_value(rule).unwrap();
            assert!(rule.check().unwrap_err().to_string().starts_with(refusal));
        }
        for rule in [
            json!({"claim": "a"}),
            json!({"claim": "a", "is": "absent"}),
            json!({"claim": 1, "is": "present"}),
        ] {
            assert!(serde_json::from_value::<ClaimRule>(rule).is_err());
        }
    }
}
