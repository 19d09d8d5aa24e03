//! The groups of nodes.

use std::collections::BTreeMap;

use super::{
    GatewayName,
    problem::{Problem, RowCheck},
};
use crate::store::{GatewayRow, Rows};

/// A group of nodes that run the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// The `node.cluster` of its nodes.
    pub name: GatewayName,
    /// How its routes are cut into resources.
    pub sharding: Sharding,
}

/// How routes are cut into resources. A change of a resource costs each Envoy a rebuild of all that is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharding {
    /// All routes are one resource.
    None,
    /// The routes of each host are a resource. Hosts are exact then: a request is looked up by its whole host.
    Host,
}

impl Sharding {
    /// Parses `none` or `host`.
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "host" => Ok(Self::Host),
            other => Err(format!("'{}' must be none or host", other.escape_debug())),
        }
    }
}

const TABLE: &str = "gateways";

pub(super) fn parse_all(rows: &Rows, problems: &mut Vec<Problem>) -> BTreeMap<GatewayName, Gateway> {
    let mut gateways = BTreeMap::new();
    for row in &rows.gateways {
        let mut check = RowCheck::new(TABLE, &row.name, problems);
        let Some(gateway) = parse(row, &mut check) else { continue };
        if gateways.insert(gateway.name.clone(), gateway).is_some() {
            check.refuse("name", "stands twice");
        }
    }
    gateways
}

fn parse(row: &GatewayRow, check: &mut RowCheck<'_>) -> Option<Gateway> {
    let name = check.keep("name", GatewayName::parse(&row.name));
    let sharding = check.keep("sharding", Sharding::parse(&row.sharding));
    Some(Gateway { name: name?, sharding: sharding? })
}
