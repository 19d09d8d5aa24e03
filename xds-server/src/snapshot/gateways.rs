//! What each group of nodes should run.

use std::{collections::BTreeMap, sync::Arc};

use super::{Resource, Snapshot};

/// One release: a snapshot for each gateway, which is a group of nodes named by `node.cluster`.
#[derive(Debug, Clone, Default)]
pub struct Gateways {
    by_name: BTreeMap<String, Arc<Snapshot>>,
    /// What nodes of a group that is not configured run: nothing.
    unknown: Arc<Snapshot>,
}

impl Gateways {
    /// The release of these resources, which shares with this one what is the same in both.
    #[must_use]
    pub fn succeeded_by<R: Into<Arc<Resource>>>(&self, resources: BTreeMap<String, Vec<R>>) -> Self {
        let by_name = resources.into_iter().map(|(name, resources)| {
            let snapshot = Arc::new(self.snapshot(&name).succeeded_by(resources));
            (name, snapshot)
        });
        Self { by_name: by_name.collect(), unknown: Arc::clone(&self.unknown) }
    }

    /// What the nodes of a gateway should run.
    #[must_use]
    pub fn snapshot(&self, gateway: &str) -> &Arc<Snapshot> {
        self.by_name.get(gateway).unwrap_or(&self.unknown)
    }

    /// Whether a gateway is configured.
    #[must_use]
    pub fn knows(&self, gateway: &str) -> bool {
        self.by_name.contains_key(gateway)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Kind;

    #[test]
    fn each_gateway_has_its_own_and_an_unknown_one_has_nothing() {
        let cluster = |content| vec![Resource::new(Kind::Cluster, "c", vec![content])];
        let release = |a, b| BTreeMap::from([("a".to_owned(), cluster(a)), ("b".to_owned(), cluster(b))]);
        let first = Gateways::default().succeeded_by(release(1, 2));
        let second = first.succeeded_by(release(1, 3));
        let set = |gateways: &Gateways, name| Arc::clone(gateways.snapshot(name).set(Kind::Cluster));
        assert!(Arc::ptr_eq(&set(&first, "a"), &set(&second, "a")));
        assert!(!Arc::ptr_eq(&set(&first, "b"), &set(&second, "b")));
        assert!(second.knows("a") && !second.knows("c"));
        assert_eq!(second.snapshot("c").all(Kind::Cluster).count(), 0);
    }
}
