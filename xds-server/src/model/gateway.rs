//! The groups of nodes.

use std::collections::{BTreeSet, HashSet};

use super::{
    GatewayName,
    problem::{Problem, RowCheck},
};
use crate::store::Rows;

const TABLE: &str = "gateways";

pub(super) fn parse_all(rows: &Rows, problems: &mut Vec<Problem>) -> BTreeSet<GatewayName> {
    let mut gateways = BTreeSet::new();
    for row in &rows.gateways {
        let mut check = RowCheck::new(TABLE, &row.name, problems);
        let Some(name) = check.keep("name", GatewayName::parse(&row.name)) else { continue };
        if !gateways.insert(name) {
            check.refuse("name", "stands twice");
        }
    }
    gateways
}

/// For references to gateways: one that exists.
pub(super) fn existing(rows: &Rows) -> impl Fn(&str) -> Result<GatewayName, String> {
    let known: HashSet<&str> = rows.gateways.iter().map(|row| row.name.as_str()).collect();
    move |name| match known.contains(name) {
        true => GatewayName::parse(name),
        false => Err(format!("there is no gateway '{name}'")),
    }
}
