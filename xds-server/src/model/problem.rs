//! Why rows were refused.

use std::{collections::BTreeSet, fmt, ops::RangeInclusive};

use ferrox_policy::{Check, Invalid};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// One thing that is wrong with the rows: where, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The table.
    pub table: &'static str,
    /// The row, by its primary key.
    pub row: String,
    /// The column, with a path into it where it is a list or a document; empty for the row itself.
    pub field: String,
    /// What is wrong, for the person who wrote the row. Never holds a secret.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} '{}': ", self.table, self.row)?;
        if !self.field.is_empty() {
            write!(formatter, "field {}: ", self.field)?;
        }
        formatter.write_str(&self.reason)
    }
}

impl std::error::Error for Problem {}

/// Collects what is wrong with one row.
pub(super) struct RowCheck<'a> {
    table: &'static str,
    row: &'a dyn fmt::Display,
    problems: &'a mut Vec<Problem>,
}

impl<'a> RowCheck<'a> {
    /// `row` is the primary key, which is written only when something is wrong.
    pub(super) fn new(
        table: &'static str,
        row: &'a dyn fmt::Display,
        problems: &'a mut Vec<Problem>,
    ) -> Self {
        Self { table, row, problems }
    }

    /// Notes that a field is wrong.
    pub(super) fn refuse(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        let (field, reason) = (field.into(), reason.into());
        self.problems.push(Problem { table: self.table, row: self.row.to_string(), field, reason });
    }

    /// Notes what a check of the policy crate found.
    pub(super) fn refuse_invalid(&mut self, invalid: Invalid) {
        self.refuse(invalid.field, invalid.reason);
    }

    /// The value that was parsed; `None` when it was refused, which is noted.
    pub(super) fn keep<T>(&mut self, field: impl Into<String>, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|reason| self.refuse(field, reason)).ok()
    }

    /// A number that must be in a range of non-negative numbers.
    pub(super) fn number(&mut self, field: &str, value: i32, range: RangeInclusive<i32>) -> Option<u32> {
        if !range.contains(&value) {
            self.refuse(field, format!("{value} must be {} to {}", range.start(), range.end()));
            return None;
        }
        u32::try_from(value).ok()
    }

    /// A number that may be absent; so is one that was refused, which is noted.
    pub(super) fn optional(
        &mut self,
        field: &str,
        value: Option<i32>,
        range: RangeInclusive<i32>,
    ) -> Option<u32> {
        value.and_then(|value| self.number(field, value, range))
    }

    /// Parses each member of a list, none of which may mean the same as another.
    pub(super) fn set<T: Ord>(
        &mut self,
        field: &str,
        list: &[String],
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> BTreeSet<T> {
        let mut set = BTreeSet::new();
        for (index, text) in list.iter().enumerate() {
            let refused = match parse(text).map(|value| set.insert(value)) {
                Ok(true) => continue,
                Ok(false) => format!("'{text}' stands twice"),
                Err(reason) => reason,
            };
            self.refuse(format!("{field}[{index}]"), refused);
        }
        set
    }

    /// What a JSON document in a column says; `None` when it was refused, which is noted.
    pub(super) fn document<T: DeserializeOwned + Check>(&mut self, column: &str, json: &Value) -> Option<T> {
        if let Some(document) = sound(json) {
            return Some(document);
        }
        // The same again as text, since only this tells which field is wrong.
        ferrox_policy::parse(json.to_string().as_bytes())
            .map_err(|invalid| self.refuse_invalid(invalid.within(column)))
            .ok()
    }

    /// What a list of JSON documents in a column says; `None` when one was refused, which is noted.
    pub(super) fn list<T: DeserializeOwned + Check>(&mut self, column: &str, json: &Value) -> Option<Vec<T>> {
        let Some(list) = json.as_array() else {
            self.refuse(column, "must be a list");
            return None;
        };
        let members = list.iter().enumerate();
        let parsed = members.map(|(index, json)| self.document(&format!("{column}[{index}]"), json));
        // Every member is looked at, so that all that is wrong is told.
        parsed.collect::<Vec<_>>().into_iter().collect()
    }
}

/// The document, if nothing is wrong with it.
fn sound<T: DeserializeOwned + Check>(json: &Value) -> Option<T> {
    // serde takes a list for a struct too, member by member.
    let parsed = json.is_object().then(|| T::deserialize(json).ok())??;
    parsed.check().is_ok().then_some(parsed)
}
