//! What of a cluster is the breaker of its upstream.

use std::time::Duration;

use envoy_types::pb::{
    envoy::{
        config::{
            cluster::v3::{
                CircuitBreakers, OutlierDetection,
                circuit_breakers::{Thresholds, thresholds::RetryBudget},
                cluster::CommonLbConfig,
            },
            common::matcher::v3::{MatchPredicate, match_predicate::Rule},
        },
        extensions::upstreams::http::v3::http_protocol_options,
        r#type::v3::Percent,
    },
    google::protobuf::UInt32Value,
};

use crate::{
    model::{BadAnswer, Breaker, FailureOn, Force, Retries},
    translate::proto,
};

/// An ejection that only a probe ends: ten years.
const UNTIL_A_PROBE_SUCCEEDS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The limits on what is under way at once.
pub(super) fn limits(breaker: &Breaker) -> CircuitBreakers {
    let thresholds = Thresholds {
        max_connections: proto::number(breaker.max_connections),
        max_pending_requests: proto::number(breaker.max_pending_requests),
        max_requests: proto::number(breaker.max_requests),
        ..retries(breaker.retries)
    };
    CircuitBreakers { thresholds: vec![thresholds], ..CircuitBreakers::default() }
}

fn retries(retries: Retries) -> Thresholds {
    match retries {
        Retries::Limit(limit) => Thresholds { max_retries: proto::number(limit), ..Thresholds::default() },
        Retries::Budget { percent, min } => Thresholds {
            retry_budget: Some(RetryBudget {
                budget_percent: Some(Percent { value: percent.into() }),
                min_retry_concurrency: proto::number(min),
                ..RetryBudget::default()
            }),
            ..Thresholds::default()
        },
    }
}

/// Ejection of each endpoint as its breaker: it opens after so many failures in a row, and takes full traffic again
/// after the same time each time, or once a probe succeeds.
pub(super) fn outlier_detection(breaker: &Breaker) -> OutlierDetection {
    let counters = Counters::of(breaker);
    let open_for = breaker.probe.as_ref().map_or(breaker.open_for, |_| UNTIL_A_PROBE_SUCCEEDS);
    OutlierDetection {
        consecutive_5xx: proto::number(breaker.failures),
        enforcing_consecutive_5xx: counters.server_error,
        consecutive_gateway_failure: proto::number(breaker.failures),
        enforcing_consecutive_gateway_failure: counters.gateway_error,
        // An ejection ends at the first sweep after its time.
        interval: proto::duration(breaker.open_for / 10),
        base_ejection_time: proto::duration(open_for),
        // Above the base, each ejection would be longer than the last.
        max_ejection_time: proto::duration(open_for),
        // By default a tenth of the hosts, which is none of an upstream with fewer than ten.
        max_ejection_percent: proto::number(breaker.max_out_percent),
        split_external_local_origin_errors: counters.answers_only,
        enforcing_success_rate: proto::number(0),
        enforcing_failure_percentage: proto::number(0),
        enforcing_consecutive_local_origin_failure: proto::number(0),
        enforcing_local_origin_success_rate: proto::number(0),
        enforcing_failure_percentage_local_origin: proto::number(0),
        // A probe closes the breaker; a health check, which may pass while traffic fails, leaves it to its time.
        successful_active_health_check_uneject_host: if breaker.probe.is_some() {
            proto::yes()
        } else {
            proto::no()
        },
        ..OutlierDetection::default()
    }
}

/// Which of Envoy's counters ejects.
struct Counters {
    server_error: Option<UInt32Value>,
    gateway_error: Option<UInt32Value>,
    answers_only: bool,
}

impl Counters {
    fn of(breaker: &Breaker) -> Self {
        let (answer, answers_only) = match breaker.failure_on {
            FailureOn::Answer(answer) => (answer, true),
            // The counter of local failures begins anew with every connection that is made, so it never counts a reset or a
            // timeout. That of 5xx does, and what may not count in it is kept out by `errors`.
            FailureOn::NoAnswer => (BadAnswer::ServerError, false),
            FailureOn::AnswerOrNone(answer) => (answer, false),
        };
        let enforced = |counter| {
            proto::number(if breaker.force != Some(Force::Closed) && counter == answer { 100 } else { 0 })
        };
        Self {
            server_error: enforced(BadAnswer::ServerError),
            gateway_error: enforced(BadAnswer::GatewayError),
            answers_only,
        }
    }
}

/// Which answers count as 5xx, where it is not those of the name.
pub(super) fn errors(breaker: &Breaker) -> Option<http_protocol_options::OutlierDetection> {
    let nothing = MatchPredicate {
        rule: Some(Rule::NotMatch(Box::new(MatchPredicate { rule: Some(Rule::AnyMatch(true)) }))),
    };
    (breaker.failure_on == FailureOn::NoAnswer)
        .then_some(http_protocol_options::OutlierDetection { error_matcher: Some(nothing) })
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
