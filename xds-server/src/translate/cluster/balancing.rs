//! How a cluster chooses an endpoint.

use envoy_types::pb::envoy::config::cluster::v3::cluster::{
    LbConfig, LbPolicy, LeastRequestLbConfig, RoundRobinLbConfig, SlowStartConfig,
};

use crate::{
    model::{Balancing, SlowStart},
    translate::proto,
};

pub(super) fn policy(balancing: Balancing) -> LbPolicy {
    match balancing {
        Balancing::RoundRobin(_) => LbPolicy::RoundRobin,
        Balancing::LeastRequest(_) => LbPolicy::LeastRequest,
        Balancing::Random => LbPolicy::Random,
        Balancing::RingHash => LbPolicy::RingHash,
        Balancing::Maglev => LbPolicy::Maglev,
    }
}

pub(super) fn config(balancing: Balancing) -> Option<LbConfig> {
    match balancing {
        Balancing::RoundRobin(time) => Some(LbConfig::RoundRobinLbConfig(RoundRobinLbConfig {
            slow_start_config: Some(slow_start(time)?),
        })),
        Balancing::LeastRequest(time) => Some(LbConfig::LeastRequestLbConfig(LeastRequestLbConfig {
            slow_start_config: Some(slow_start(time)?),
            ..LeastRequestLbConfig::default()
        })),
        Balancing::Random | Balancing::RingHash | Balancing::Maglev => None,
    }
}

fn slow_start(time: SlowStart) -> Option<SlowStartConfig> {
    Some(SlowStartConfig { slow_start_window: proto::duration(time?), ..SlowStartConfig::default() })
}
