//! What becomes of a request: from what the store said, or from what was agreed for when it says nothing.

use ferrox_host::CallOutcome;
use ferrox_policy::{
    rate_limit::{Limit, OnStoreFailure},
    sidecar::{LimitCheck, LimitState, LimitsRequest, LimitsResponse},
};

use crate::{rules::Rules, stats::Event};

/// A limit and how it stands after the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted<'r> {
    pub(crate) limit: &'r Limit,
    pub(crate) state: LimitState,
}

/// What becomes of a request. Limits whose state is not known are not in the lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict<'r> {
    /// It goes on.
    Passed(Vec<Counted<'r>>),
    /// It is refused: at least one limit in the list has no room for it.
    Exceeded(Vec<Counted<'r>>),
    /// It is refused, since a limit that must be kept could not be checked.
    Unavailable,
}

/// Why the store gave no decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreFailure {
    /// It failed before, and is left alone for now.
    NotAsked,
    /// Envoy did not send the call.
    Refused,
    /// The call ended without an answer.
    Reset,
    /// The answer was not 200.
    Status(u16),
    /// The answer does not fit the question.
    Unreadable,
}

impl StoreFailure {
    /// Whether it is the question that is wrong, and another may be answered.
    pub(crate) fn is_of_question(self) -> bool {
        matches!(self, Self::Status(400 | 413))
    }
}

impl std::fmt::Display for StoreFailure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAsked => formatter.write_str("it is not asked"),
            Self::Refused => formatter.write_str("the call was refused, is the cluster known and healthy?"),
            Self::Reset => formatter.write_str("the call was reset"),
            Self::Status(status) => write!(formatter, "the answer was {status}"),
            Self::Unreadable => formatter.write_str("the answer makes no sense"),
        }
    }
}

/// Reads the store's answer to a question.
pub(crate) fn read(outcome: &CallOutcome, asked: &LimitsRequest) -> Result<LimitsResponse, StoreFailure> {
    let (status, body) = match outcome {
        CallOutcome::Reset => return Err(StoreFailure::Reset),
        CallOutcome::Answered { status, body, .. } => (*status, body),
    };
    if status != 200 {
        return Err(StoreFailure::Status(status));
    }
    let response: LimitsResponse = serde_json::from_slice(body).map_err(|_| StoreFailure::Unreadable)?;
    let mut answered = asked.limits.iter().zip(&response.limits);
    let all_allowed = answered.all(|(check, state)| state.allowed || check.report_only);
    if response.limits.len() != asked.limits.len() || response.allowed != all_allowed {
        return Err(StoreFailure::Unreadable);
    }
    Ok(response)
}

/// Decides by the store's answer.
pub(crate) fn answered(rules: &Rules, response: LimitsResponse) -> (Verdict<'_>, Event) {
    let event = if response.allowed { Event::Allowed } else { Event::Denied };
    (verdict(rules.limits.iter(), response), event)
}

/// Refuses by what is known of the limits, in their order.
pub(crate) fn refused(rules: &Rules, states: Vec<Option<LimitState>>) -> (Verdict<'_>, Event) {
    let known = rules.limits.iter().zip(states);
    let counted = known.filter_map(|(limit, state)| Some(Counted { limit, state: state? })).collect();
    (Verdict::Exceeded(counted), Event::Denied)
}

/// Decides without the store, limit by limit. `count_locally` counts against the limits that want it.
pub(crate) fn unanswered<'r>(
    rules: &'r Rules,
    request: &LimitsRequest,
    count_locally: impl FnOnce(&[LimitCheck]) -> LimitsResponse,
) -> (Verdict<'r>, Event) {
    let denies = |limit: &Limit| limit.on_store_failure == OnStoreFailure::Deny && !limit.report_only;
    if rules.limits.iter().any(denies) {
        return (Verdict::Unavailable, Event::FailedDenied);
    }
    let (limits, checks): (Vec<_>, Vec<_>) = rules
        .limits
        .iter()
        .zip(&request.limits)
        .filter(|(limit, _)| limit.on_store_failure == OnStoreFailure::Local)
        .map(|(limit, check)| (limit, of_worker(limit, check)))
        .unzip();
    if checks.is_empty() {
        return (Verdict::Passed(Vec::new()), Event::FailedAllowed);
    }
    let response = count_locally(&checks);
    let event = if response.allowed { Event::FailedLocalAllowed } else { Event::FailedLocalDenied };
    (verdict(limits.into_iter(), response), event)
}

/// What one worker may let through by itself.
fn of_worker(limit: &Limit, check: &LimitCheck) -> LimitCheck {
    let (requests, burst) = (limit.local_requests(), limit.local_burst());
    // A part of the limit may be less than one request costs, which then goes alone.
    let cost = check.cost.min(burst.unwrap_or(requests));
    LimitCheck { limit: requests, burst, cost, ..check.clone() }
}

fn verdict<'r>(limits: impl Iterator<Item = &'r Limit>, response: LimitsResponse) -> Verdict<'r> {
    let counted = limits.zip(response.limits).map(|(limit, state)| Counted { limit, state }).collect();
    if response.allowed { Verdict::Passed(counted) } else { Verdict::Exceeded(counted) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrox_host::Headers;

    fn answer(status: u16, body: &str) -> CallOutcome {
        CallOutcome::Answered { status, headers: Headers::default(), body: body.as_bytes().to_vec() }
    }

    fn state(allowed: bool) -> String {
        format!(r#"{{"allowed":{allowed},"remaining":0,"reset_ms":1}}"#)
    }

    #[test]
    fn only_an_answer_that_fits_the_question_counts() {
        let body = |allowed: bool, limits: &[bool]| {
            let limits: Vec<_> = limits.iter().map(|allowed| state(*allowed)).collect();
            format!(r#"{{"allowed":{allowed},"limits":[{}]}}"#, limits.join(","))
        };
        let asked = |report_only| LimitsRequest {
            limits: vec![
                LimitCheck::fixed_window("a", 1, 1),
                LimitCheck { report_only, ..LimitCheck::fixed_window("b", 1, 1) },
            ],
            ..LimitsRequest::default()
        };
        let failure = |outcome: CallOutcome| read(&outcome, &asked(false)).unwrap_err();
        assert!(read(&answer(200, &body(true, &[true, true])), &asked(false)).unwrap().allowed);
        assert!(!read(&answer(200, &body(false, &[true, false])), &asked(false)).unwrap().allowed);
        assert!(read(&answer(200, &body(true, &[true, false])), &asked(true)).unwrap().allowed);
        assert_eq!(
            read(&answer(200, &body(false, &[true, false])), &asked(true)),
            Err(StoreFailure::Unreadable)
        );
        assert_eq!(failure(CallOutcome::Reset), StoreFailure::Reset);
        assert_eq!(failure(answer(504, &body(true, &[true, true]))), StoreFailure::Status(504));
        assert_eq!(failure(answer(200, "")), StoreFailure::Unreadable);
        assert_eq!(failure(answer(200, &body(true, &[true]))), StoreFailure::Unreadable);
        assert_eq!(failure(answer(200, &body(true, &[true, false]))), StoreFailure::Unreadable);
        assert_eq!(failure(answer(200, &body(false, &[true, true]))), StoreFailure::Unreadable);
    }
}
