//! Requests that check the endpoints of an upstream.

use envoy_types::pb::envoy::{
    config::core::v3::{
        self as core,
        health_check::{GrpcHealthCheck, HealthChecker, HttpHealthCheck, TcpHealthCheck},
    },
    r#type::v3::{CodecClientType, Int64Range},
};

use crate::{
    model::{Breaker, Checker, Force, HealthCheck, HttpVersion, Probe, Upstream},
    translate::proto,
};

/// The one that takes endpoints out and in, or the probe of the breaker, if there is either.
pub(super) fn of(upstream: &Upstream) -> Option<core::HealthCheck> {
    let protocol = upstream.connections.protocol;
    match &upstream.health_check {
        Some(check) => Some(health_check(check, protocol)),
        None => probe(&upstream.breaker, protocol),
    }
}

/// A breaker that is forced closed has nothing to probe.
fn probe(breaker: &Breaker, protocol: HttpVersion) -> Option<core::HealthCheck> {
    let probe = breaker.probe.as_ref().filter(|_| breaker.force != Some(Force::Closed))?;
    let Probe { path, host, statuses, .. } = probe;
    Some(core::HealthCheck {
        timeout: proto::duration(probe.timeout()),
        interval: proto::duration(breaker.open_for),
        // Envoy checks upstreams that had no traffic yet more seldom.
        no_traffic_interval: proto::duration(breaker.open_for),
        healthy_threshold: proto::number(1),
        // Failures of traffic open the breaker, not those of the probe.
        unhealthy_threshold: proto::number(u32::MAX),
        // Whether connections can be made is part of the question.
        reuse_connection: proto::no(),
        health_checker: Some(get(path, host.as_deref(), statuses, protocol)),
        ..core::HealthCheck::default()
    })
}

fn health_check(check: &HealthCheck, protocol: HttpVersion) -> core::HealthCheck {
    core::HealthCheck {
        timeout: proto::duration(check.timeout()),
        interval: proto::duration(check.interval()),
        no_traffic_interval: proto::duration(check.interval()),
        healthy_threshold: proto::number(check.healthy_threshold),
        unhealthy_threshold: proto::number(check.unhealthy_threshold),
        health_checker: Some(match check.checker() {
            Checker::Http(http) => get(&http.path, http.host.as_deref(), &http.statuses, protocol),
            Checker::Grpc(grpc) => HealthChecker::GrpcHealthCheck(GrpcHealthCheck {
                service_name: grpc.service.clone(),
                ..GrpcHealthCheck::default()
            }),
            Checker::Tcp => HealthChecker::TcpHealthCheck(TcpHealthCheck::default()),
        }),
        ..core::HealthCheck::default()
    }
}

fn get(path: &str, host: Option<&str>, statuses: &[u16], protocol: HttpVersion) -> HealthChecker {
    HealthChecker::HttpHealthCheck(HttpHealthCheck {
        path: path.to_owned(),
        host: host.unwrap_or_default().to_owned(),
        expected_statuses: expected(statuses),
        // A status that is neither takes an endpoint out at once, whatever the threshold.
        retriable_statuses: vec![Int64Range { start: 100, end: 600 }],
        // With `auto` a check offers no protocol by TLS, and so gets HTTP/1.1.
        codec_client_type: match protocol {
            HttpVersion::Http1 | HttpVersion::Auto => CodecClientType::Http1,
            HttpVersion::Http2 => CodecClientType::Http2,
        }
        .into(),
        ..HttpHealthCheck::default()
    })
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
