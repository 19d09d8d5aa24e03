//! Requests that check the endpoints of an upstream.

use envoy_types::pb::envoy::{
    config::core::v3::{
        HealthCheck,
        health_check::{HealthChecker, HttpHealthCheck},
    },
    r#type::v3::Int64Range,
};

use crate::{
    model::{Breaker, Force, Probe},
    translate::proto,
};

/// The probe of a breaker. One that is forced closed has nothing to probe.
pub(super) fn probe(breaker: &Breaker) -> Option<HealthCheck> {
    let probe = breaker.probe.as_ref().filter(|_| breaker.force != Some(Force::Closed))?;
    Some(HealthCheck {
        timeout: proto::duration(probe.timeout()),
        interval: proto::duration(breaker.open_for),
        // Envoy checks upstreams that had no traffic yet more seldom.
        no_traffic_interval: proto::duration(breaker.open_for),
        healthy_threshold: proto::number(1),
        // Failures of traffic open the breaker, not those of the probe.
        unhealthy_threshold: proto::number(u32::MAX),
        // Whether connections can be made is part of the question.
        reuse_connection: proto::no(),
        health_checker: Some(HealthChecker::HttpHealthCheck(http(probe))),
        ..HealthCheck::default()
    })
}

fn http(probe: &Probe) -> HttpHealthCheck {
    HttpHealthCheck {
        path: probe.path.clone(),
        host: probe.host.clone().unwrap_or_default(),
        expected_statuses: expected(&probe.statuses),
        // One status that is neither takes an endpoint out at once, whatever the threshold.
        retriable_statuses: vec![Int64Range { start: 100, end: 600 }],
        ..HttpHealthCheck::default()
    }
}

fn expected(statuses: &[u16]) -> Vec<Int64Range> {
    if statuses.is_empty() {
        return vec![Int64Range { start: 200, end: 300 }];
    }
    statuses
        .iter()
        .map(|status| i64::from(*status))
        .map(|start| Int64Range { start, end: start + 1 })
        .collect()
}
