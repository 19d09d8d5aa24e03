//! What a request must have in its headers and its query.

use envoy_types::pb::envoy::{
    config::route::v3::{
        HeaderMatcher, QueryParameterMatcher, header_matcher::HeaderMatchSpecifier,
        query_parameter_matcher::QueryParameterMatchSpecifier,
    },
    r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern},
};

use crate::{
    model::{HeaderCondition, HeaderTest, QueryCondition, QueryTest, Text, TextMatch},
    translate::proto,
};

pub(super) fn header(condition: &HeaderCondition) -> HeaderMatcher {
    let (specifier, inverted) = match &condition.test {
        HeaderTest::Present => (HeaderMatchSpecifier::PresentMatch(true), false),
        HeaderTest::Absent => (HeaderMatchSpecifier::PresentMatch(false), false),
        HeaderTest::Is(text) => (HeaderMatchSpecifier::StringMatch(string(text)), false),
        HeaderTest::IsNot(text) => (HeaderMatchSpecifier::StringMatch(string(text)), true),
    };
    HeaderMatcher {
        name: condition.name.clone(),
        header_match_specifier: Some(specifier),
        invert_match: inverted,
        // Otherwise a header that is not there would have to be there to be another.
        treat_missing_header_as_empty: inverted,
    }
}

pub(super) fn query(condition: &QueryCondition) -> QueryParameterMatcher {
    let specifier = match &condition.test {
        QueryTest::Present => QueryParameterMatchSpecifier::PresentMatch(true),
        QueryTest::Absent => QueryParameterMatchSpecifier::PresentMatch(false),
        QueryTest::Is(text) => QueryParameterMatchSpecifier::StringMatch(string(text)),
    };
    QueryParameterMatcher { name: condition.name.clone(), query_parameter_match_specifier: Some(specifier) }
}

fn string(text: &TextMatch) -> StringMatcher {
    let pattern = match &text.text {
        Text::Exact(text) => MatchPattern::Exact(text.clone()),
        Text::Prefix(text) => MatchPattern::Prefix(text.clone()),
        Text::Suffix(text) => MatchPattern::Suffix(text.clone()),
        Text::Contains(text) => MatchPattern::Contains(text.clone()),
        Text::Regex(pattern) => MatchPattern::SafeRegex(proto::regex(pattern.as_str())),
    };
    StringMatcher { match_pattern: Some(pattern), ignore_case: text.ignore_case }
}
