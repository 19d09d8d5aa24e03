//! Which hosts a route serves.

use std::{fmt, net::Ipv6Addr};

/// A pattern for the host of a request, in lower case and without a port. Patterns are ordered from the most to
/// the least specific, as Envoy picks them: exact, then the longest suffix, then any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPattern(Kind);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Exact(String),
    /// With its leading dot. Shorter is less specific, so the order reverses the length.
    Suffix(std::cmp::Reverse<usize>, String),
    Any,
}

/// What a pattern is written as when it matches every host.
const ANY: &str = "*";

impl HostPattern {
    /// Parses a host, `*.` and a host for all its subdomains, or `*`.
    ///
    /// # Errors
    /// The reason why it is none of them.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        if pattern == ANY {
            return Ok(Self(Kind::Any));
        }
        let refuse = || {
            let shown = pattern.escape_debug();
            format!("'{shown}' is not a host: a name or address without port, '*.' and a name, or '*' is")
        };
        let host = pattern.to_ascii_lowercase();
        match host.strip_prefix('*') {
            Some(suffix) => {
                let name = suffix.strip_prefix('.').ok_or_else(refuse)?;
                if !is_name(name) {
                    return Err(refuse());
                }
                Ok(Self::suffix(suffix))
            }
            None if is_name(&host) || is_ipv6(&host) => Ok(Self(Kind::Exact(host))),
            None => Err(refuse()),
        }
    }

    /// Whether it matches one host only.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        matches!(self.0, Kind::Exact(_))
    }

    /// Every pattern that matches all that this one matches: itself, wider suffixes, any; from the most to the least
    /// specific.
    #[must_use]
    pub fn covering(&self) -> Vec<Self> {
        let name = match &self.0 {
            Kind::Any => return vec![self.clone()],
            Kind::Suffix(_, suffix) => suffix.strip_prefix('.').unwrap_or(suffix),
            Kind::Exact(host) => host,
        };
        let suffixes = name.match_indices('.').filter_map(|(dot, _)| name.get(dot..)).map(Self::suffix);
        std::iter::once(self.clone()).chain(suffixes).chain([Self(Kind::Any)]).collect()
    }

    fn suffix(suffix: &str) -> Self {
        Self(Kind::Suffix(std::cmp::Reverse(suffix.len()), suffix.to_owned()))
    }
}

/// As Envoy's virtual hosts write it.
impl fmt::Display for HostPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Exact(host) => formatter.write_str(host),
            Kind::Suffix(_, suffix) => write!(formatter, "*{suffix}"),
            Kind::Any => formatter.write_str(ANY),
        }
    }
}

/// A DNS name (RFC 1123 section 2.1, and `_`, which internal names have) or an IPv4 address, without a final dot.
pub(super) fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(label)
}

fn is_ipv6(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(pattern: &str) -> HostPattern {
        HostPattern::parse(pattern).unwrap()
    }

    #[test]
    fn hosts_are_lowered_and_kept() {
        for (written, meant) in [
            ("Example.COM", "example.com"),
            ("*.Example.com", "*.example.com"),
            ("*", "*"),
            ("10.0.0.1", "10.0.0.1"),
            ("[::1]", "[::1]"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(host(written).to_string(), meant);
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for bad in [
            "", "x y", "a:80", "[::1]:80", "::1", "a.", ".a", "a..b", "-a", "*a", "*.", "a.*", "**", "ä",
            "[x]",
        ] {
            assert!(HostPattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_pattern_is_covered_by_itself_wider_suffixes_and_any() {
        let covering = |pattern: &str| {
            host(pattern).covering().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(covering("a.b.com"), "a.b.com *.b.com *.com *");
        assert_eq!(covering("*.b.com"), "*.b.com *.com *");
        assert_eq!(covering("localhost"), "localhost *");
        assert_eq!(covering("*"), "*");
    }

    #[test]
    fn the_most_specific_pattern_comes_first() {
        let mut patterns = ["*", "*.com", "z.com", "*.example.com", "a.com"].map(host);
        patterns.sort();
        assert_eq!(patterns.map(|p| p.to_string()), ["a.com", "z.com", "*.example.com", "*.com", "*"]);
    }
}
