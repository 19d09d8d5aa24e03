//! Where the VMs of one Envoy find the plan and the keys of a provider.

use ferrox_host::{Host, Replacing};
use ferrox_policy::auth::{JwtProvider, RemoteJwks};
use sha2::{Digest, Sha256};

use super::plan::Plan;

/// How often a change is tried when others change the plan at the same time.
const TRIES: usize = 8;

/// The places in shared data. Their names tell what decides on the keys: a provider that is changed in another way goes on
/// with its keys, and one whose keys come from elsewhere begins anew.
#[derive(Debug)]
pub(super) struct Board {
    plan: String,
    keys: String,
}

impl Board {
    pub(super) fn of(provider: &JwtProvider, source: &RemoteJwks) -> Self {
        let RemoteJwks { cluster, uri, discovery, jwks_cluster, .. } = source;
        let decides = (&provider.issuer, &provider.algorithms, cluster, uri, discovery, jwks_cluster);
        // A list of strings always serializes, and no two to the same text.
        let digest = Sha256::digest(serde_json::to_vec(&decides).unwrap_or_default());
        let name = digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Self { plan: format!("ferrox.auth.jwks.plan.{name}"), keys: format!("ferrox.auth.jwks.keys.{name}") }
    }

    /// The plan; a new one where there is none that can be read.
    pub(super) fn plan(&self, host: &dyn Host) -> Plan {
        self.read(host).0
    }

    /// Changes the plan if `change` says that it did. Nobody else changes it at the same time.
    pub(super) fn change(&self, host: &dyn Host, change: impl Fn(&mut Plan) -> bool) -> bool {
        for _ in 0..TRIES {
            let (mut plan, replacing) = self.read(host);
            if !change(&mut plan) {
                return false;
            }
            let json = serde_json::to_vec(&plan).unwrap_or_default();
            if host.set_shared(&self.plan, &json, replacing).is_ok() {
                return true;
            }
        }
        false
    }

    /// The keys, as they were fetched.
    pub(super) fn keys(&self, host: &dyn Host) -> Option<Vec<u8>> {
        host.shared(&self.keys).map(|value| value.bytes)
    }

    /// Replaces the keys, which were checked. Only who holds the lease does.
    pub(super) fn put_keys(&self, host: &dyn Host, json: &[u8]) {
        // Nothing else than another write could keep this one from being made.
        let _ = host.set_shared(&self.keys, json, Replacing::Anything);
    }

    fn read(&self, host: &dyn Host) -> (Plan, Replacing) {
        match host.shared(&self.plan) {
            None => (Plan::default(), Replacing::Nothing),
            Some(value) => {
                (serde_json::from_slice(&value.bytes).unwrap_or_default(), Replacing::Version(value.cas))
            }
        }
    }
}
