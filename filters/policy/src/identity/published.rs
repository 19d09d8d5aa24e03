//! Claims of a verified token that later filters look at.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::auth::ClaimPath;

/// Key of the claims in the stream's filter state. It is there only if the policy says so and the token has any of them.
pub const CLAIMS_STATE: &str = "ferrox.claims";

/// Claims by their paths.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PublishedClaims(Vec<(ClaimPath, Value)>);

impl PublishedClaims {
    /// Those of a token's claims that have one of these paths.
    #[must_use]
    pub fn of(paths: &[ClaimPath], claims: &Map<String, Value>) -> Self {
        let found = paths.iter().filter_map(|path| Some((path.clone(), path.find(claims)?.clone())));
        Self(found.collect())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The claim of a path, however that is written.
    #[must_use]
    pub fn find(&self, path: &ClaimPath) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known.is_same(path)).map(|(_, value)| value)
    }

    /// Reads what auth wrote into the filter state.
    ///
    /// # Errors
    /// When it is not what [`PublishedClaims::to_json`] writes.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// What auth writes into the filter state.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // A list of strings and JSON values always serializes.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn claims_survive_the_filter_state_and_are_found_by_either_spelling() {
        let claims = json!({"org": {"id": 7}, "a.b": ["x"], "secret": "s", "nothing": null});
        let paths: Vec<ClaimPath> =
            serde_json::from_value(json!(["org.id", ["a.b"], "none", "nothing"])).unwrap();
        let published = PublishedClaims::of(&paths, claims.as_object().unwrap());
        let json = published.to_json();
        assert!(!String::from_utf8_lossy(&json).contains("secret"));
        let read = PublishedClaims::from_json(&json).unwrap();
        assert_eq!(read, published);
        let find = |path: Value| read.find(&serde_json::from_value(path).unwrap()).cloned();
        assert_eq!(find(json!("org.id")), Some(json!(7)));
        assert_eq!(find(json!(["org", "id"])), Some(json!(7)));
        assert_eq!(find(json!(["a.b"])), Some(json!(["x"])));
        assert_eq!((find(json!("a.b")), find(json!("nothing"))), (None, None));
    }
}
