//! What of a cluster is the breaker of its upstream.

use envoy_types::pb::envoy::{
    config::cluster::v3::{
        CircuitBreakers, OutlierDetection, circuit_breakers::Thresholds, cluster::CommonLbConfig,
    },
    r#type::v3::Percent,
};

use crate::{model::Breaker, translate::proto};

/// The limits on what is under way at once.
pub(super) fn limits(breaker: &Breaker) -> CircuitBreakers {
    let thresholds = Thresholds {
        max_connections: proto::number(breaker.max_connections),
        max_pending_requests: proto::number(breaker.max_pending_requests),
        max_requests: proto::number(breaker.max_requests),
        max_retries: proto::number(breaker.max_retries),
        ..Thresholds::default()
    };
    CircuitBreakers { thresholds: vec![thresholds], ..CircuitBreakers::default() }
}

/// Ejection of each endpoint as its breaker: it opens after so many failures in a row, and after the same time
/// each time it takes full traffic again.
pub(super) fn outlier_detection(breaker: &Breaker) -> OutlierDetection {
    OutlierDetection {
        consecutive_5xx: proto::number(breaker.failures),
        enforcing_consecutive_5xx: proto::number(100),
        // An ejection ends at the first sweep after its time.
        interval: proto::duration(breaker.open_for / 10),
        base_ejection_time: proto::duration(breaker.open_for),
        // Above the base, each ejection would be longer than the last.
        max_ejection_time: proto::duration(breaker.open_for),
        // By default a tenth of the hosts, which is none of an upstream with fewer than ten.
        max_ejection_percent: proto::number(100),
        // The one detector is the count of failures in a row, in which refused connections count too.
        split_external_local_origin_errors: false,
        enforcing_success_rate: proto::number(0),
        enforcing_consecutive_gateway_failure: proto::number(0),
        enforcing_failure_percentage: proto::number(0),
        enforcing_consecutive_local_origin_failure: proto::number(0),
        enforcing_local_origin_success_rate: proto::number(0),
        enforcing_failure_percentage_local_origin: proto::number(0),
        ..OutlierDetection::default()
    }
}

pub(super) fn common_lb_config() -> CommonLbConfig {
    CommonLbConfig {
        // In a panic Envoy sends traffic to ejected hosts after all.
        healthy_panic_threshold: Some(Percent { value: 0.0 }),
        // Merged updates let traffic through to a host for a second after it was ejected.
        update_merge_window: proto::seconds(0),
        ..CommonLbConfig::default()
    }
}
