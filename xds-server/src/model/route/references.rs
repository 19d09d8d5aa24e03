//! What routes may refer to.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    model::{Gateway, GatewayName, Sharding},
    store::Rows,
};

/// What routes may refer to.
pub(in crate::model) struct References<'a> {
    gateways: HashSet<&'a str>,
    /// Of those that make sense.
    pub(super) sharding: HashMap<&'a str, Sharding>,
    pub(super) upstreams: HashSet<&'a str>,
    pub(in crate::model) providers: HashSet<&'a str>,
}

impl<'a> References<'a> {
    /// What is in the rows, also if it makes no sense, so that not everything that refers to it is refused too.
    pub(in crate::model) fn new(rows: &'a Rows, gateways: &'a BTreeMap<GatewayName, Gateway>) -> Self {
        Self {
            gateways: rows.gateways.iter().map(|row| row.name.as_str()).collect(),
            sharding: gateways.values().map(|gateway| (gateway.name.as_str(), gateway.sharding)).collect(),
            upstreams: rows.upstreams.iter().map(|row| row.name.as_str()).collect(),
            providers: rows.jwt_providers.iter().map(|row| row.name.as_str()).collect(),
        }
    }

    pub(in crate::model) fn gateway(&self, name: &str) -> Result<GatewayName, String> {
        match self.gateways.contains(name) {
            true => GatewayName::parse(name),
            false => Err(format!("there is no gateway '{name}'")),
        }
    }
}
