//! What a request must have besides host, path and method.

mod document;
mod text;

use std::collections::BTreeSet;

pub(super) use self::document::Document;
pub use self::text::{Text, TextMatch};

/// What a request must have besides host, path and method: all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conditions {
    /// Rules for headers.
    pub headers: BTreeSet<HeaderCondition>,
    /// Rules for parameters of the query.
    pub query: BTreeSet<QueryCondition>,
    /// Whether it must be a gRPC call.
    pub grpc: bool,
    /// Which share of what matches is taken; `None`: all.
    pub share: Option<Share>,
}

/// A rule for a header. Of several headers of one name it is enough that one has the value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeaderCondition {
    /// The name in lower case.
    pub name: String,
    /// What holds for it.
    pub test: HeaderTest,
}

/// What holds for a header.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeaderTest {
    /// It is there.
    Present,
    /// It is not there.
    Absent,
    /// It is there, with such a value.
    Is(TextMatch),
    /// It has another value; one that is not there counts as empty.
    IsNot(TextMatch),
}

/// A rule for a parameter of the query, as it stands in the URL. The first of several with one name counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryCondition {
    /// The name.
    pub name: String,
    /// What holds for it.
    pub test: QueryTest,
}

/// What holds for a parameter of the query.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueryTest {
    /// It is there.
    Present,
    /// It is not there.
    Absent,
    /// It is there, with such a value.
    Is(TextMatch),
}

/// A share of requests, in millionths: 0 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

impl Share {
    /// A share that is written in percent.
    ///
    /// # Errors
    /// The reason why it is none.
    pub fn parse(percent: f64) -> Result<Self, String> {
        let millionths = percent * 10_000.0;
        // 0.0003 has no exact form in binary.
        let is_whole = (millionths - millionths.round()).abs() < 1e-6;
        if !(0.0..=100.0).contains(&percent) || !is_whole {
            return Err(format!("{percent} must be 0 to 100, in steps of 0.0001"));
        }
        // Within the range of the type, as was just seen.
        Ok(Self(millionths.round() as u32))
    }

    /// The share in millionths.
    #[must_use]
    pub fn millionths(self) -> u32 {
        self.0
    }
}

impl Conditions {
    /// Whether both hold for the same requests, but for the shares of them that are taken.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.headers, &self.query, self.grpc) == (&other.headers, &other.query, other.grpc)
            && self.share.is_some() == other.share.is_some()
    }
}

#[cfg(test)]
mod tests;
