//! Which nodes a question is about.

use std::collections::BTreeSet;

use envoy_types::pb::envoy::r#type::matcher::v3::{NodeMatcher, StringMatcher, string_matcher::MatchPattern};
use tonic::Status;

/// All nodes, or those with one of some ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Matcher {
    Everyone,
    Ids(BTreeSet<String>),
}

impl Matcher {
    /// What a request's matchers say, of which one has to match.
    pub(super) fn parse(matchers: &[NodeMatcher]) -> Result<Self, Status> {
        if matchers.is_empty() {
            return Ok(Self::Everyone);
        }
        let ids: Option<_> = matchers.iter().map(exact_id).collect();
        ids.map(Self::Ids).ok_or_else(|| {
            Status::invalid_argument(
                "a node matcher must be an exact node_id, without ignore_case and metadata",
            )
        })
    }

    pub(super) fn matches(&self, id: &str) -> bool {
        match self {
            Self::Everyone => true,
            Self::Ids(ids) => ids.contains(id),
        }
    }
}

fn exact_id(matcher: &NodeMatcher) -> Option<String> {
    match matcher {
        NodeMatcher {
            node_id: Some(StringMatcher { ignore_case: false, match_pattern: Some(MatchPattern::Exact(id)) }),
            node_metadatas,
        } if node_metadatas.is_empty() => Some(id.clone()),
        _ => None,
    }
}
