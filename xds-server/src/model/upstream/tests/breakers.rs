use serde_json::{Value, json};

use super::{parsed, problem};
use crate::model::{FailureOn, Force, Retries};

#[test]
fn a_breaker_that_makes_no_sense_is_refused_by_its_field() {
    let kinds = |kinds: &[&str]| kinds.iter().map(ToString::to_string).collect();
    assert!(
        problem(|row| row.failure_on = kinds(&["5xx", "gateway_error"])).starts_with("failure_on: 5xx holds")
    );
    assert!(problem(|row| row.failure_on = kinds(&["4xx"])).starts_with("failure_on: '4xx'"));
    assert_eq!(problem(|row| row.max_out_percent = 0), "max_out_percent: 0 must be 1 to 100");
    assert_eq!(problem(|row| row.open_for_ms = 0), "open_for_ms: 0 must be 100 to 3600000");
    assert_eq!(problem(|row| row.force = Some("shut".to_owned())), "force: 'shut' must be open or closed");
    assert_eq!(
        problem(|row| row.retry_budget_percent = Some(101)),
        "retry_budget_percent: 101 must be 0 to 100"
    );
    assert!(problem(|row| row.retry_budget_min = -1).starts_with("retry_budget_min: -1"));
}

#[test]
fn a_probe_that_makes_no_sense_is_refused_by_its_field() {
    let problem = |probe: Value| problem(|row| row.probe = Some(probe));
    assert!(problem(json!([])).starts_with("probe: must be a JSON object"));
    assert!(problem(json!({})).starts_with("probe: missing field `path`"));
    assert!(problem(json!({"path": "x"})).starts_with("probe.path: must start with '/'"));
    assert!(problem(json!({"path": "/a b"})).starts_with("probe.path: "));
    assert!(problem(json!({"path": "/", "host": ""})).starts_with("probe.host: "));
    assert_eq!(problem(json!({"path": "/", "timeout_ms": 0})), "probe.timeout_ms: must be 1 to 10000");
    assert_eq!(
        problem(json!({"path": "/", "statuses": [200, 99]})),
        "probe.statuses[1]: 99 must be 100 to 599"
    );
    assert_eq!(problem(json!({"path": "/", "statuses": [200, 200]})), "probe.statuses[1]: 200 stands twice");
    assert!(problem(json!({"path": "/", "interval_ms": 1})).contains("unknown field `interval_ms`"));
}

#[test]
fn a_breaker_is_what_its_row_says() {
    let breaker = parsed(|row| {
        row.failure_on = vec!["no_answer".to_owned()];
        row.force = Some("closed".to_owned());
        row.probe = Some(json!({"path": "/healthz", "statuses": [204]}));
        row.retry_budget_percent = Some(20);
    })
    .breaker;
    assert_eq!((breaker.failure_on, breaker.force), (FailureOn::NoAnswer, Some(Force::Closed)));
    assert_eq!(breaker.probe.unwrap().timeout().as_millis(), 1000);
    assert_eq!(breaker.retries, Retries::Budget { percent: 20, min: 3 });
    assert_eq!(parsed(|_| {}).breaker.retries, Retries::Limit(3));
}
