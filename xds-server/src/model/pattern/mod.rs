//! Regular expressions that Envoy takes.
//!
//! Envoy refuses a whole route configuration for one expression that its engine, RE2, does not compile. So what is written
//! is parsed here first, and only what RE2 has too is let through. Some of what RE2 has is left out: what can match nothing in
//! a path or header (Unicode, lines), and what is of no use there (names of groups).

mod size;

use regex_syntax::ast::{Ast, parse::ParserBuilder};

/// A regular expression in the syntax of RE2, which is matched against the whole text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(String);

/// Bytes. Envoy's own bound, that of the program, leaves room for some 90 characters and what they are escaped with.
const MAX_LENGTH: usize = 1024;

/// More than this Envoy refuses, unless its runtime says otherwise (`re2.max_program_size.error_level`).
const MAX_PROGRAM: u64 = 100;

/// Groups in groups. RE2 takes 1000; more than a few are not written by people.
const MAX_DEPTH: u32 = 50;

impl Pattern {
    /// Parses a regular expression.
    ///
    /// # Errors
    /// The reason why Envoy would not take it, or why it is left out here.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        let refuse = |reason: &str| Err(format!("'{}' {reason}", pattern.escape_debug()));
        if pattern.is_empty() {
            return refuse("is empty");
        }
        if pattern.len() > MAX_LENGTH {
            return Err(format!("is longer than {MAX_LENGTH} bytes"));
        }
        // Envoy has RE2 read bytes, to which a letter beyond ASCII is several.
        if !pattern.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return refuse("has other characters than printable ASCII");
        }
        let ast = match parse(pattern) {
            Ok(ast) => ast,
            Err(reason) => return refuse(&format!("is no regular expression: {reason}")),
        };
        match size::of(&ast, pattern) {
            Err(construct) => refuse(&format!("has {construct}, which no regular expression here may have")),
            Ok(size) if size > MAX_PROGRAM => refuse(&format!(
                "is too large: up to {size} instructions, of which Envoy takes {MAX_PROGRAM}; \
                 a count such as '{{1,9}}' repeats what it counts"
            )),
            Ok(_) => Ok(Self(pattern.to_owned())),
        }
    }

    /// Text as an expression that matches it alone.
    #[must_use]
    pub fn quote(text: &str) -> String {
        let mut quoted = String::with_capacity(text.len() + 8);
        for character in text.chars() {
            if !character.is_ascii_alphanumeric() && character != '/' {
                quoted.push('\\');
            }
            quoted.push(character);
        }
        quoted
    }

    /// How many groups it captures, which a substitution can name as `\1` and so on.
    #[must_use]
    pub fn groups(&self) -> usize {
        // What was parsed once parses again.
        let parsed = regex_syntax::parse(&self.0);
        parsed.map(|expression| expression.properties().explicit_captures_len()).unwrap_or_default()
    }

    /// The expression as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn parse(pattern: &str) -> Result<Ast, String> {
    let mut parser = ParserBuilder::new().nest_limit(MAX_DEPTH).build();
    parser.parse(pattern).map_err(|error| error.kind().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_why() {
        let reason = |pattern: &str| Pattern::parse(pattern).unwrap_err();
        assert_eq!(reason(""), "'' is empty");
        assert!(reason("/(?=a)").contains("look-around"), "{}", reason("/(?=a)"));
        assert_eq!(reason("/ä"), "'/ä' has other characters than printable ASCII");
        assert_eq!(
            reason(r"/\pL"),
            r"'/\\pL' has a Unicode class, which no regular expression here may have"
        );
        assert!(reason("/[a-z]{200}").contains("up to 205 instructions, of which Envoy takes 100"));
        assert_eq!(reason(&"a".repeat(1025)), "is longer than 1024 bytes");
        assert!(reason(&"(".repeat(60)).contains("is no regular expression"));
        assert!(reason(&format!("{}{}", "(".repeat(60), ")".repeat(60))).contains("nest"));
    }

    #[test]
    fn groups_that_capture_are_counted() {
        for (pattern, groups) in [("/a", 0), ("/(a)/(b|(c))", 3), ("/(?:a)/[(]", 0), (r"/\(a\)", 0)] {
            assert_eq!(Pattern::parse(pattern).unwrap().groups(), groups, "{pattern}");
        }
    }
}
