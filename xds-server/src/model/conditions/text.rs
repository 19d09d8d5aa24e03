//! What the value of a header or of a parameter must be.

use crate::model::Pattern;

/// A rule for a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextMatch {
    /// The rule; in lower case where case is ignored.
    pub text: Text,
    /// Whether letters of either case are the same.
    pub ignore_case: bool,
}

/// What a value is, begins with, ends with, has in it or matches. Only [`Text::Exact`] can be empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Text {
    /// All of it.
    Exact(String),
    /// What it begins with.
    Prefix(String),
    /// What it ends with.
    Suffix(String),
    /// What is in it.
    Contains(String),
    /// All of it, by a regular expression.
    Regex(Pattern),
}

impl TextMatch {
    /// The rule, where letters of either case are the same.
    ///
    /// # Errors
    /// The reason why they cannot be.
    pub(super) fn ignoring_case(text: Text) -> Result<Self, String> {
        let text = match text {
            Text::Exact(text) => Text::Exact(text.to_ascii_lowercase()),
            Text::Prefix(text) => Text::Prefix(text.to_ascii_lowercase()),
            Text::Suffix(text) => Text::Suffix(text.to_ascii_lowercase()),
            Text::Contains(text) => Text::Contains(text.to_ascii_lowercase()),
            // Envoy refuses the two together.
            Text::Regex(_) => return Err("'(?i)' in it has a regular expression ignore case".to_owned()),
        };
        Ok(Self { text, ignore_case: true })
    }
}
