//! When a request is sent again.

use std::time::Duration;

use envoy_types::pb::envoy::{
    config::route::v3::{
        self as pb, HeaderMatcher, RetryPolicy, RouteAction,
        header_matcher::HeaderMatchSpecifier,
        retry_policy::{
            RateLimitedRetryBackOff, ResetHeader, ResetHeaderFormat, RetryBackOff, RetryHostPredicate,
            retry_host_predicate::ConfigType,
        },
        route::Action,
    },
    extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate,
    r#type::matcher::v3::{RegexMatcher, StringMatcher, string_matcher::MatchPattern},
};

use crate::{
    model::{BackOff, Retry, RetryOn, Route},
    translate::proto,
};

pub(super) fn policy(retry: &Retry) -> RetryPolicy {
    let mut policy = RetryPolicy {
        retry_on: retry_on(retry),
        num_retries: proto::number(retry.attempts),
        per_try_timeout: retry.per_try_timeout_ms.and_then(milliseconds),
        per_try_idle_timeout: retry.per_try_idle_timeout_ms.and_then(milliseconds),
        retriable_status_codes: retry.statuses.iter().copied().map(u32::from).collect(),
        retry_back_off: retry.back_off.map(back_off),
        rate_limited_retry_back_off: retry.retry_after_max_ms.map(retry_after),
        ..RetryPolicy::default()
    };
    if retry.other_hosts {
        policy.retry_host_predicate = vec![previous_hosts()];
        policy.host_selection_retry_max_attempts = HOST_SELECTIONS;
    }
    policy
}

/// So often a host that was tried is passed over before it is taken all the same.
const HOST_SELECTIONS: i64 = 5;

fn retry_on(retry: &Retry) -> String {
    let statuses = (!retry.statuses.is_empty()).then_some("retriable-status-codes");
    retry.on.iter().map(|on| RetryOn::as_str(*on)).chain(statuses).collect::<Vec<_>>().join(",")
}

fn back_off(back_off: BackOff) -> RetryBackOff {
    RetryBackOff {
        base_interval: milliseconds(back_off.base_ms),
        max_interval: milliseconds(back_off.max_ms),
    }
}

fn retry_after(longest_ms: u32) -> RateLimitedRetryBackOff {
    let header = ResetHeader { name: "retry-after".to_owned(), format: ResetHeaderFormat::Seconds.into() };
    RateLimitedRetryBackOff { reset_headers: vec![header], max_interval: milliseconds(longest_ms) }
}

fn previous_hosts() -> RetryHostPredicate {
    RetryHostPredicate {
        name: "envoy.retry_host_predicates.previous_hosts".to_owned(),
        config_type: Some(ConfigType::TypedConfig(proto::any(&PreviousHostsPredicate {}))),
    }
}

fn milliseconds(ms: u32) -> Option<envoy_types::pb::google::protobuf::Duration> {
    proto::duration(Duration::from_millis(ms.into()))
}

/// Methods that may be repeated (RFC 9110 section 9.2.2).
const IDEMPOTENT: [&str; 6] = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"];

/// The same route for requests of other methods, if for them another retry policy holds. Envoy has one for a route.
pub(super) fn for_other_methods(route: &Route, plain: &pb::Route) -> Option<pb::Route> {
    let careful = route.action.forward()?.retry.as_ref()?.before_processing()?;
    let only_idempotent = route.methods.iter().all(|method| IDEMPOTENT.contains(&method.as_str()));
    if only_idempotent && !route.methods.is_empty() {
        return None;
    }
    let mut other = plain.clone();
    let Some(Action::Route(action)) = &mut other.action else { return None };
    set(action, &careful);
    other.r#match.get_or_insert_default().headers.push(other_method());
    Some(other)
}

fn set(action: &mut RouteAction, careful: &Retry) {
    action.retry_policy = (!careful.on.is_empty()).then(|| policy(careful));
}

fn other_method() -> HeaderMatcher {
    let regex = RegexMatcher { regex: format!("^(?:{})$", IDEMPOTENT.join("|")), ..RegexMatcher::default() };
    HeaderMatcher {
        name: ":method".to_owned(),
        invert_match: true,
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(StringMatcher {
            match_pattern: Some(MatchPattern::SafeRegex(regex)),
            ..StringMatcher::default()
        })),
        ..HeaderMatcher::default()
    }
}
