//! Who holds API keys.

use std::{collections::BTreeMap, sync::Arc};

use ferrox_policy::{Check, auth::Consumer};

use super::problem::{Problem, RowCheck};
use crate::store::{ConsumerRow, Rows};

const TABLE: &str = "consumers";

/// The consumers, in the order of their names.
#[derive(Clone, PartialEq)]
pub(super) struct Consumers(Arc<Vec<Consumer>>);

impl Consumers {
    /// Also those that make no sense, so that not each of their keys is refused too.
    pub(super) fn parse(rows: &Rows, problems: &mut Vec<Problem>) -> Self {
        let mut consumers = BTreeMap::new();
        for row in &rows.consumers {
            let mut check = RowCheck::new(TABLE, &row.name, problems);
            let consumer = of(row);
            if let Err(invalid) = consumer.check() {
                check.refuse_invalid(invalid);
            }
            if consumers.insert(row.name.as_str(), consumer).is_some() {
                check.refuse("name", "stands twice");
            }
        }
        Self(Arc::new(consumers.into_values().collect()))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Consumer> {
        let place = self.0.binary_search_by(|consumer| consumer.name.as_str().cmp(name)).ok()?;
        self.0.get(place)
    }

    pub(super) fn all(&self) -> &[Consumer] {
        &self.0
    }
}

/// The consumer of a row, whose keys are elsewhere.
pub(super) fn of(row: &ConsumerRow) -> Consumer {
    Consumer { name: row.name.clone(), scopes: row.scopes.clone(), key_sha256: Vec::new(), keys: Vec::new() }
}
