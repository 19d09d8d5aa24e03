//! What the client and the access log are told: draft-ietf-httpapi-ratelimit-headers-10, `Retry-After` (RFC 9110 section 10.2.3) and
//! problem details (RFC 9457).

use ferrox_host::Reply;
use ferrox_policy::rate_limit::{Algorithm, Limit};
use serde::Serialize;

use crate::{
    decision::{Counted, Verdict},
    rules::Rules,
    stats::Event,
};

/// The limits themselves. A list (RFC 9651 section 3.1), so it may come from several filters.
pub(crate) const POLICY_HEADER: &str = "ratelimit-policy";
/// How the limits stand. A list too.
pub(crate) const STATE_HEADER: &str = "ratelimit";

/// Shortest time after which a client is asked to come back, in seconds.
const SOONEST: u64 = 1;

/// The value of `ratelimit-policy`: `"name";q=10;w=60` for each limit, `"name";q=10;qu="concurrent-requests"` where requests under
/// way are counted. Names need no escaping, they are checked to consist of letters, digits, `-` and `_`. Limits that are only
/// reported are nobody's business.
pub(crate) fn policy_value(limits: &[Limit]) -> String {
    let item = |limit: &Limit| match limit.algorithm {
        Algorithm::Concurrency => {
            format!("\"{}\";q={};qu=\"concurrent-requests\"", limit.name, limit.requests)
        }
        _ => format!("\"{}\";q={};w={}", limit.name, limit.requests, limit.window_seconds),
    };
    limits.iter().filter(|limit| !limit.report_only).map(item).collect::<Vec<_>>().join(", ")
}

/// The value of `ratelimit`: `"name";r=9;t=60` for each limit, without a time where requests under way are counted; empty if
/// there is none.
pub(crate) fn state_value(counted: &[Counted<'_>]) -> String {
    let item = |counted: &Counted<'_>| {
        let (name, remaining) = (&counted.limit.name, counted.state.remaining);
        match counted.limit.algorithm {
            Algorithm::Concurrency => format!("\"{name}\";r={remaining}"),
            _ => format!("\"{name}\";r={remaining};t={}", seconds(counted.state.reset_ms)),
        }
    };
    counted.iter().filter(|counted| !counted.limit.report_only).map(item).collect::<Vec<_>>().join(", ")
}

/// The limits without room that refuse.
fn violated<'c, 'r>(counted: &'c [Counted<'r>]) -> impl Iterator<Item = &'c Counted<'r>> {
    counted.iter().filter(|counted| !counted.state.allowed && !counted.limit.report_only)
}

/// The limits without room that are only reported.
pub(crate) fn reported<'c, 'r>(counted: &'c [Counted<'r>]) -> impl Iterator<Item = &'c Counted<'r>> {
    counted.iter().filter(|counted| !counted.state.allowed && counted.limit.report_only)
}

/// How long until there can be room, in milliseconds.
fn wait_of(counted: &Counted<'_>) -> u64 {
    match counted.state.retry_ms {
        // What the store says of requests under way is when it gives the first up. One can end at any time.
        _ if counted.limit.algorithm == Algorithm::Concurrency => 0,
        0 => counted.state.reset_ms,
        retry_ms => retry_ms,
    }
}

/// The answer to a request that exceeds a limit. It asks to wait until all of them can
/// have room.
pub(crate) fn exceeded(rules: &Rules, counted: &[Counted<'_>]) -> Reply {
    let wait = violated(counted).map(|counted| seconds(wait_of(counted))).fold(SOONEST, u64::max);
    let problem = Problem {
        kind: "https://iana.org/assignments/http-problem-types#quota-exceeded",
        title: "Too many requests",
        status: 429,
        detail: format!("A limit on the number of requests is reached. Try again in {wait} s."),
        violated: violated(counted).map(|counted| counted.limit.name.as_str()).collect(),
    };
    let mut reply = problem.reply(wait);
    reply.headers.push((POLICY_HEADER.to_owned(), rules.announced.clone()));
    reply.headers.push((STATE_HEADER.to_owned(), state_value(counted)));
    reply
}

/// The answer to a request that must not pass unchecked and cannot be checked.
pub(crate) fn unavailable() -> Reply {
    let problem = Problem {
        kind: "about:blank",
        title: "Service Unavailable",
        status: 503,
        detail: "The limits of this route cannot be checked at the moment.".to_owned(),
        violated: Vec::new(),
    };
    problem.reply(SOONEST)
}

/// What the access log says: what happened, and after a refusal the limits without room, as in `denied burst,day`; then those that
/// would have refused, as in `allowed reported day`.
pub(crate) fn outcome(event: Event, verdict: &Verdict<'_>) -> String {
    let (refused, counted) = match verdict {
        Verdict::Unavailable => (String::new(), [].as_slice()),
        Verdict::Passed(counted) => (String::new(), counted.as_slice()),
        Verdict::Exceeded(counted) => (format!(" {}", names(violated(counted))), counted.as_slice()),
    };
    let mut outcome = format!("{}{refused}", event.name());
    if reported(counted).next().is_some() {
        outcome = format!("{outcome} reported {}", names(reported(counted)));
    }
    outcome
}

fn names<'c, 'r: 'c>(counted: impl Iterator<Item = &'c Counted<'r>>) -> String {
    counted.map(|counted| counted.limit.name.as_str()).collect::<Vec<_>>().join(",")
}

/// Problem details (RFC 9457 section 3.1), with the extension of the draft's section on problem types.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(rename = "violated-policies", skip_serializing_if = "Vec::is_empty")]
    violated: Vec<&'a str>,
}

impl Problem<'_> {
    fn reply(&self, retry_after: u64) -> Reply {
        Reply {
            status: self.status,
            headers: vec![
                ("content-type".to_owned(), "application/problem+json".to_owned()),
                ("retry-after".to_owned(), retry_after.to_string()),
            ],
            // A struct of strings and numbers always serializes.
            body: serde_json::to_vec(self).unwrap_or_default(),
        }
    }
}

/// Whole seconds, rounded up: who comes back after them is not too early.
fn seconds(milliseconds: u64) -> u64 {
    milliseconds.div_ceil(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrox_policy::{
        parse,
        rate_limit::{RateLimitPolicy, Stage},
        sidecar::LimitState,
    };
    use serde_json::json;

    fn rules() -> Rules {
        let policy = json!({"limits": [
            {"name": "burst", "by": "address", "requests": 10, "window_seconds": 1},
            {"name": "day", "by": "address", "requests": 500, "window_seconds": 86_400},
        ]});
        let policy: RateLimitPolicy = parse(policy.to_string().as_bytes()).unwrap();
        Rules::of(&policy, Stage::Address)
    }

    fn report(mut rules: Rules, name: &str) -> Rules {
        for limit in &mut rules.limits {
            limit.report_only = limit.name == name;
        }
        Rules::new(rules.limits, rules.timeout)
    }

    fn counted(rules: &Rules, states: [(bool, u64, u64); 2]) -> Vec<Counted<'_>> {
        let state = |(allowed, remaining, reset_ms)| LimitState {
            allowed,
            remaining,
            reset_ms,
            ..LimitState::default()
        };
        rules.limits.iter().zip(states).map(|(limit, it)| Counted { limit, state: state(it) }).collect()
    }

    fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
        &reply.headers.iter().find(|(header, _)| header == name).expect(name).1
    }

    #[test]
    fn limits_and_their_state_read_as_the_draft_has_them() {
        let rules = rules();
        assert_eq!(rules.announced, r#""burst";q=10;w=1, "day";q=500;w=86400"#);
        let counted = counted(&rules, [(true, 9, 1_000), (true, 0, 86_399_001)]);
        assert_eq!(state_value(&counted), r#""burst";r=9;t=1, "day";r=0;t=86400"#);
    }

    #[test]
    fn retry_after_is_rounded_up_and_at_least_a_second() {
        let rules = rules();
        let retry_after = |reset_ms| {
            let reply = exceeded(&rules, &counted(&rules, [(false, 0, reset_ms), (true, 3, 80_000)]));
            header(&reply, "retry-after").to_owned()
        };
        assert_eq!(retry_after(0), "1");
        assert_eq!(retry_after(1), "1");
        assert_eq!(retry_after(1_000), "1");
        assert_eq!(retry_after(1_001), "2");
    }

    #[test]
    fn the_access_log_names_the_limits_that_refused() {
        let rules = rules();
        let exceeded = |states| outcome(Event::Denied, &Verdict::Exceeded(counted(&rules, states)));
        assert_eq!(exceeded([(false, 0, 1), (true, 3, 1)]), "denied burst");
        assert_eq!(exceeded([(false, 0, 1), (false, 0, 1)]), "denied burst,day");
        assert_eq!(outcome(Event::Allowed, &Verdict::Passed(Vec::new())), "allowed");
        assert_eq!(outcome(Event::FailedDenied, &Verdict::Unavailable), "failed_denied");
    }

    #[test]
    fn a_refusal_waits_for_every_limit_that_refused_and_names_them() {
        let rules = rules();
        let reply = exceeded(&rules, &counted(&rules, [(false, 0, 500), (false, 0, 80_000)]));
        assert_eq!((reply.status, header(&reply, "retry-after")), (429, "80"));
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body["violated-policies"], serde_json::json!(["burst", "day"]));
        assert_eq!(body["status"], 429);
    }

    #[test]
    fn a_refusal_does_not_name_a_limit_that_had_room() {
        let rules = rules();
        let reply = exceeded(&rules, &counted(&rules, [(true, 5, 500), (false, 0, 80_000)]));
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body["violated-policies"], serde_json::json!(["day"]));
    }

    #[test]
    fn a_limit_that_is_only_reported_is_told_to_the_operator_alone() {
        let rules = report(rules(), "day");
        assert_eq!(rules.announced, r#""burst";q=10;w=1"#);
        let passed = counted(&rules, [(true, 9, 1), (false, 0, 1)]);
        assert_eq!(state_value(&passed), r#""burst";r=9;t=1"#);
        assert_eq!(outcome(Event::Allowed, &Verdict::Passed(passed)), "allowed reported day");
        let refused = counted(&rules, [(false, 0, 500), (false, 0, 80_000)]);
        let reply = exceeded(&rules, &refused);
        assert_eq!(header(&reply, "retry-after"), "1");
        assert_eq!(outcome(Event::Denied, &Verdict::Exceeded(refused)), "denied burst reported day");
    }

    #[test]
    fn a_client_waits_for_room_and_not_for_all_of_the_limit() {
        let rules = rules();
        let mut counted = counted(&rules, [(false, 0, 60_000), (true, 3, 80_000)]);
        for counted in &mut counted {
            counted.state.retry_ms = 2_500;
        }
        assert_eq!(header(&exceeded(&rules, &counted), "retry-after"), "3");
    }

    #[test]
    fn requests_under_way_have_a_quota_without_a_window() {
        let mut rules = rules();
        rules.limits.truncate(1);
        for limit in &mut rules.limits {
            limit.algorithm = Algorithm::Concurrency;
        }
        assert_eq!(policy_value(&rules.limits), r#""burst";q=10;qu="concurrent-requests""#);
        let counted = counted(&rules, [(false, 0, 60_000), (true, 0, 0)]);
        assert_eq!(state_value(&counted), r#""burst";r=0"#);
        assert_eq!(header(&exceeded(&rules, &counted), "retry-after"), "1");
    }
}
