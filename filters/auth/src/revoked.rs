//! Tokens that were taken back.

use std::collections::{HashMap, HashSet};

use ferrox_policy::auth::Revocations;

use crate::claims::Claims;

/// What was taken back of one provider.
#[derive(Debug, Default)]
pub(crate) struct Revoked {
    tokens: HashSet<String>,
    /// When the last of a subject's revoked tokens was made, at the latest; seconds since 1970.
    subjects: HashMap<String, f64>,
}

impl Revoked {
    /// What concerns the provider of a name.
    pub(crate) fn of(provider: &str, revoked: &Revocations) -> Self {
        let mut of_provider = Self::default();
        let tokens = revoked.tokens.iter().filter(|token| token.provider == provider);
        of_provider.tokens.extend(tokens.map(|token| token.jti.clone()));
        for revoked in revoked.subjects.iter().filter(|subject| subject.provider == provider) {
            // Whole seconds below 2^53 are exact.
            #[expect(clippy::cast_precision_loss)]
            let before = revoked.before as f64;
            let latest = of_provider.subjects.entry(revoked.subject.clone()).or_default();
            *latest = latest.max(before);
        }
        of_provider
    }

    /// Whether a token was taken back.
    pub(crate) fn has(&self, token: &Claims) -> bool {
        if token.text("jti").is_some_and(|jti| self.tokens.contains(jti)) {
            return true;
        }
        let before = token.text("sub").and_then(|subject| self.subjects.get(subject));
        before.is_some_and(|before| token.issued_at().is_none_or(|made| made < *before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn is_revoked(claims: serde_json::Value) -> bool {
        let revocations: Revocations = serde_json::from_value(json!({
            "tokens": [{"provider": "a", "jti": "1"}, {"provider": "b", "jti": "2"}],
            "subjects": [
                {"provider": "a", "subject": "alice", "before": 100},
                {"provider": "a", "subject": "alice", "before": 90},
                {"provider": "b", "subject": "bob", "before": 100},
            ],
        }))
        .unwrap();
        Revoked::of("a", &revocations).has(&Claims::parse(claims.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn a_token_is_revoked_by_its_id() {
        assert!(is_revoked(json!({"jti": "1"})));
        for other in [json!({}), json!({"jti": "2"}), json!({"jti": 1}), json!({"jti": "1 "})] {
            assert!(!is_revoked(other));
        }
    }

    #[test]
    fn a_subjects_tokens_are_revoked_up_to_a_time() {
        assert!(is_revoked(json!({"sub": "alice", "iat": 99})));
        assert!(is_revoked(json!({"sub": "alice"})));
        for other in [json!({"sub": "alice", "iat": 100}), json!({"sub": "bob", "iat": 1}), json!({"iat": 1})]
        {
            assert!(!is_revoked(other));
        }
    }
}
