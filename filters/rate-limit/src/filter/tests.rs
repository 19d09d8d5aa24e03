use super::*;
use std::time::Duration;

use ferrox_host::{Headers, Reply, mock::MockHost};
use ferrox_policy::{
    identity::{FILTER_STATE, Identity},
    placement,
};
use serde_json::{Value, json};

mod algorithms;
mod breaking;
mod ends;
mod holds;
mod known;
mod leasing;
mod parts;

const REQUEST: &[(&str, &str)] = &[(":method", "GET"), (":authority", "api.test"), (":path", "/a/1")];

/// A filter on a mock host, and where a stream of it is.
struct Bench {
    host: MockHost,
    filter: RateLimit,
    stream: RateLimitStream,
}

impl Bench {
    /// A filter for a stage whose route has these limits.
    fn new(stage: Stage, limits: Value) -> Self {
        let bench = Self::configured(json!({"stage": stage, "sidecar": {"cluster": "sidecar"}}));
        bench.host.set_property(&["source", "address"], b"192.0.2.1:4711");
        bench.route(stage, "r1", &json!({ "limits": limits }).to_string());
        bench
    }

    fn configured(config: Value) -> Self {
        let host = MockHost::with_request(REQUEST);
        let filter = RateLimit::configure(&host, config.to_string().as_bytes()).expect("configured");
        let stream = filter.open();
        Self { host, filter, stream }
    }

    fn route(&self, stage: Stage, name: &str, policy: &str) {
        self.host.set_property(&["xds", "route_name"], name.as_bytes());
        let digest = placement::digest(policy);
        let strings = [(placement::DIGEST, digest.as_str()), (placement::POLICY, policy)];
        self.host.set_route_metadata(stage.filter(), &strings);
    }

    fn identify(&self, identity: &Identity) {
        self.host.set_filter_state(FILTER_STATE, &identity.to_json());
    }

    fn next(&mut self) {
        self.host.next_stream(REQUEST);
        self.host.set_random(self.host.random() + 1);
        self.stream = self.filter.open();
    }

    fn request(&mut self) -> Flow {
        self.stream.on_request_headers(&self.host, true)
    }

    /// Sends the request and gives the keys that it asks for.
    fn keys(&mut self) -> Vec<String> {
        self.next();
        assert_eq!(self.request(), Flow::Pause);
        self.asked().1.limits.into_iter().map(|limit| limit.key).collect()
    }

    fn asked(&self) -> (CallId, LimitsRequest) {
        let calls = self.host.take_calls();
        assert_eq!(calls.len(), 1, "one call for a request");
        (calls[0].id, serde_json::from_slice(&calls[0].body).expect("a question"))
    }

    /// Sends the request and lets the call end so, if the store is asked at all. Whether it passed.
    fn pass(&mut self, outcome: Option<CallOutcome>) -> bool {
        self.host.refuse_calls(outcome.is_none());
        let flow = self.request();
        let is_decided = flow == Flow::Continue || self.host.replied().is_some();
        if let Some(outcome) = outcome.filter(|_| !is_decided) {
            assert!(self.host.take_resumed().is_empty());
            let (call, _) = self.asked();
            self.stream.on_call(&self.host, call, outcome);
        }
        let passed = flow == Flow::Continue || self.host.take_resumed() == [Side::Request];
        assert_ne!(passed, self.host.replied().is_some(), "either it goes on or it is answered");
        passed
    }

    fn reply(&self) -> Reply {
        self.host.replied().expect("a reply")
    }

    /// Runs the response with these headers and gives the values of one.
    fn respond(&mut self, headers: &[(&str, &str)], name: &str) -> Vec<String> {
        self.host.set_response(headers);
        assert_eq!(self.stream.on_response_headers(&self.host, true), Flow::Continue);
        let headers = self.host.headers(Side::Response);
        headers.all(name).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }

    fn counted(&self, name: &str) -> u64 {
        self.host.counted(&format!("ferrox.rate_limit.address.{name}"))
    }
}

fn limit(name: &str, by: &str, on_store_failure: &str) -> Value {
    json!({"name": name, "by": by, "requests": 10, "window_seconds": 60, "on_store_failure": on_store_failure})
}

fn answered(status: u16, body: &str) -> Option<CallOutcome> {
    Some(CallOutcome::Answered { status, headers: Headers::default(), body: body.as_bytes().to_vec() })
}

/// The sidecar's answer on limits that stand so: room, remaining, milliseconds.
fn states(states: &[(bool, u64, u64)]) -> Option<CallOutcome> {
    let limits: Vec<_> = states
        .iter()
        .map(|(allowed, remaining, reset_ms)| json!({"allowed": allowed, "remaining": remaining, "reset_ms": reset_ms}))
        .collect();
    let allowed = states.iter().all(|(allowed, ..)| *allowed);
    answered(200, &json!({"allowed": allowed, "limits": limits}).to_string())
}

/// Every way in which the store can fail.
fn failures() -> [Option<CallOutcome>; 6] {
    [
        None,
        Some(CallOutcome::Reset),
        answered(503, ""),
        answered(504, r#"{"allowed":true,"limits":[{"allowed":true,"remaining":1,"reset_ms":1}]}"#),
        answered(200, "not json"),
        answered(200, r#"{"allowed":true,"limits":[]}"#),
    ]
}

#[test]
fn the_access_log_can_read_what_was_decided() {
    let mut bench = Bench::new(Stage::Address, json!([limit("a", "address", "deny")]));
    for (outcome, noted) in [
        (states(&[(true, 9, 1)]), "allowed"),
        (states(&[(false, 0, 1)]), "denied a"),
        (Some(CallOutcome::Reset), "failed_denied"),
    ] {
        bench.next();
        bench.pass(outcome);
        let note = bench.host.filter_state(Stage::Address.filter()).unwrap_or_default();
        assert_eq!(String::from_utf8(note).as_deref(), Ok(noted));
    }
}

#[test]
fn a_wrong_configuration_is_refused_by_field() {
    let host = MockHost::default();
    let refusal = RateLimit::configure(&host, &br#"{"stage":"address","sidecar":{"cluster":""}}"#[..]).err();
    assert_eq!(refusal.expect("refused"), "sidecar.cluster: must not be empty");
}

#[test]
fn a_request_without_a_policy_passes_untouched() {
    let mut bench = Bench::configured(json!({"stage": "address", "sidecar": {"cluster": "sidecar"}}));
    assert_eq!(bench.request(), Flow::Continue);
    assert!(bench.host.take_calls().is_empty());
    assert!(bench.respond(&[], "ratelimit-policy").is_empty());
}

#[test]
fn the_question_names_cluster_path_limit_window_and_time_out() {
    let config = json!({"stage": "address", "sidecar": {"cluster": "sidecar", "timeout_ms": 7}});
    let mut bench = Bench::configured(config);
    bench.route(Stage::Address, "r", &json!({"limits": [limit("n", "address", "allow")]}).to_string());
    assert_eq!(bench.request(), Flow::Pause);
    let call = bench.host.take_calls().remove(0);
    assert_eq!(
        (call.cluster.as_str(), call.method.as_str(), call.path.as_str()),
        ("sidecar", "POST", "/v1/limits")
    );
    assert_eq!(call.timeout, Duration::from_millis(7));
    let headers = [("content-type", "application/json"), ("x-ferrox-timeout-ms", "7")];
    assert_eq!(call.headers, headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let request: LimitsRequest = serde_json::from_slice(&call.body).unwrap();
    assert_eq!((request.limits[0].limit, request.limits[0].window_ms), (10, 60_000));
}

#[test]
fn each_stage_asks_only_for_its_own_limits() {
    let both = json!([limit("a", "address", "allow"), limit("i", "identity", "allow")]);
    let address = Bench::new(Stage::Address, both.clone()).keys();
    let identity = Bench::new(Stage::Identity, both).keys();
    assert_eq!(address, ["ferrox:1:limit|2:r1|1:a|5:fixed|7:address|12:192.0.2.1/32"]);
    assert_eq!(identity, ["ferrox:1:limit|2:r1|1:i|5:fixed|8:identity|-"]);
}

#[test]
fn a_policy_with_limits_of_the_other_stage_only_is_none() {
    let mut bench = Bench::new(Stage::Address, json!([limit("i", "identity", "deny")]));
    assert_eq!(bench.request(), Flow::Continue);
    assert!(bench.host.take_calls().is_empty());
}

#[test]
fn an_address_counts_without_its_port_and_an_unknown_one_is_shared() {
    let mut bench = Bench::new(Stage::Address, json!([limit("n", "address", "allow")]));
    let mut key = |address: &str| {
        bench.host.set_property(&["source", "address"], address.as_bytes());
        bench.keys().remove(0)
    };
    assert_eq!(key("192.0.2.1:1"), key("192.0.2.1:2"));
    assert_eq!(key("[2001:db8::1]:1"), "ferrox:1:limit|2:r1|1:n|5:fixed|7:address|13:2001:db8::/64");
    assert_ne!(key("[2001:db8::1]:1"), key("[2001:db8:0:1::1]:1"));
    assert_eq!(key(""), "ferrox:1:limit|2:r1|1:n|5:fixed|7:address|-");
}

#[test]
fn an_identity_is_taken_from_the_filter_state_and_never_from_headers() {
    let mut bench = Bench::new(Stage::Identity, json!([limit("n", "identity", "allow")]));
    let nobody = bench.keys();
    let spoofed =
        [("x-ferrox-consumer", "acme"), ("x-ferrox-issuer", "https://id"), ("x-ferrox-subject", "bob")];
    bench.host.next_stream(&spoofed);
    bench.stream = bench.filter.open();
    assert_eq!(bench.request(), Flow::Pause);
    assert_eq!(bench.asked().1.limits[0].key, nobody[0]);

    bench.host.next_stream(&spoofed);
    bench.stream = bench.filter.open();
    bench.identify(&Identity { consumer: Some("initech".to_owned()), ..Identity::default() });
    assert_eq!(bench.request(), Flow::Pause);
    assert_eq!(bench.asked().1.limits[0].key, "ferrox:1:limit|2:r1|1:n|5:fixed|8:identity|7:initech|-|-");
}

#[test]
fn an_identity_that_cannot_be_read_is_counted_by_itself_and_shown() {
    let mut bench = Bench::new(Stage::Identity, json!([limit("n", "identity", "allow")]));
    bench.host.set_filter_state(FILTER_STATE, b"{");
    assert_eq!(bench.request(), Flow::Pause);
    assert_eq!(bench.asked().1.limits[0].key, "ferrox:1:limit|2:r1|1:n|5:fixed|10:unreadable|1:{");
    assert_eq!(bench.host.counted("ferrox.rate_limit.identity.identity_unreadable"), 1);
}

#[test]
fn limits_of_one_name_on_two_routes_do_not_share() {
    let mut bench = Bench::new(Stage::Address, json!([limit("n", "address", "allow")]));
    let first = bench.keys();
    bench.host.set_property(&["xds", "route_name"], b"r2");
    assert_ne!(bench.keys(), first);
}

#[test]
fn entries_of_the_configuration_do_not_share_and_route_metadata_wins() {
    let policy = json!({"limits": [limit("n", "address", "allow")]});
    let mut bench = Bench::configured(json!({
        "stage": "address", "sidecar": {"cluster": "s"},
        "policies": {
            "routes": [
                {"match": {"path_prefix": "/a"}, "policy": policy},
                {"match": {"path_prefix": "/b"}, "policy": policy},
                {"match": {"path_prefix": "/open"}, "policy": null},
                {"match": {"path_prefix": "/i"}, "policy": {"limits": [limit("n", "identity", "allow")]}},
            ],
            "default": policy,
        },
    }));
    let mut at = |path: &str| {
        bench.host.next_stream(&[(":authority", "h"), (":path", path)]);
        bench.stream = bench.filter.open();
        (bench.request() == Flow::Pause).then(|| bench.asked().1.limits[0].key.clone())
    };
    let (a, b, other) = (at("/a/1").unwrap(), at("/b").unwrap(), at("/c").unwrap());
    assert!(a != b && b != other && a != other);
    assert_eq!(at("/a/2").unwrap(), a);
    assert_eq!((at("/open"), at("/i")), (None, None));

    bench.route(Stage::Address, "r", &policy.to_string());
    assert!(bench.keys()[0].starts_with("ferrox:1:limit|1:r|"));
}

#[test]
fn a_route_with_a_wrong_policy_is_closed_and_logged_once() {
    let mut bench = Bench::new(Stage::Address, json!([limit("n", "address", "allow")]));
    bench.route(Stage::Address, "r1", r#"{"limits":[]}"#);
    for _ in 0..2 {
        bench.next();
        assert_eq!(bench.request(), Flow::Pause);
        assert_eq!(bench.reply().status, 503);
    }
    assert!(bench.host.take_calls().is_empty());
    assert_eq!(bench.counted("policy_invalid"), 2);
    let logged = bench.host.logged();
    assert_eq!(logged.len(), 1);
    assert!(logged[0].contains("route 'r1'") && logged[0].contains("limits: needs 1 to 8"), "{logged:?}");
}

#[test]
fn an_allowed_request_goes_on_and_its_response_tells_how_the_limits_stand() {
    let mut bench =
        Bench::new(Stage::Address, json!([limit("a", "address", "allow"), limit("b", "address", "allow")]));
    assert!(bench.pass(states(&[(true, 9, 59_001), (true, 3, 1_000)])));
    assert_eq!(bench.respond(&[], "ratelimit"), [r#""a";r=9;t=60, "b";r=3;t=1"#]);
    let headers = bench.host.headers(Side::Response);
    assert_eq!(headers.only("ratelimit-policy"), Some(&br#""a";q=10;w=60, "b";q=10;w=60"#[..]));
    assert!(!headers.has("retry-after"));
    assert_eq!((bench.counted("allowed"), bench.counted("denied")), (1, 0));
}

#[test]
fn the_headers_of_the_other_stage_stay() {
    let mut bench = Bench::new(Stage::Address, json!([limit("a", "address", "allow")]));
    assert!(bench.pass(states(&[(true, 9, 60_000)])));
    let other = [("ratelimit", r#""i";r=1;t=1"#)];
    assert_eq!(bench.respond(&other, "ratelimit"), [r#""i";r=1;t=1"#, r#""a";r=9;t=60"#]);
}

#[test]
fn a_denied_request_is_answered_with_what_to_wait_for() {
    let mut bench = Bench::new(Stage::Address, json!([limit("a", "address", "allow")]));
    assert!(!bench.pass(states(&[(false, 0, 30_500)])));
    let reply = bench.reply();
    let header = |name: &str| {
        reply.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(reply.status, 429);
    assert_eq!(header("retry-after"), ["31"]);
    assert_eq!(header("ratelimit-policy"), [r#""a";q=10;w=60"#]);
    assert_eq!(header("ratelimit"), [r#""a";r=0;t=31"#]);
    assert_eq!(header("content-type"), ["application/problem+json"]);
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body["violated-policies"], json!(["a"]));
    assert_eq!((bench.counted("allowed"), bench.counted("denied")), (0, 1));
}

#[test]
fn the_response_path_of_our_own_reply_adds_nothing() {
    let mut bench = Bench::new(Stage::Address, json!([limit("a", "address", "allow")]));
    assert!(!bench.pass(states(&[(false, 0, 1_000)])));
    let own = [("ratelimit", r#""a";r=0;t=1"#)];
    assert_eq!(bench.respond(&own, "ratelimit"), [r#""a";r=0;t=1"#]);
    assert!(bench.respond(&own, "ratelimit-policy").is_empty());
}

#[test]
fn a_reply_of_an_earlier_filter_gets_no_headers() {
    let mut bench = Bench::new(Stage::Identity, json!([limit("i", "identity", "allow")]));
    assert!(bench.respond(&[(":status", "401")], "ratelimit-policy").is_empty());
}

#[test]
fn an_answer_after_the_response_does_nothing() {
    let mut bench = Bench::new(Stage::Address, json!([limit("a", "address", "allow")]));
    assert_eq!(bench.request(), Flow::Pause);
    let (call, _) = bench.asked();
    assert!(bench.respond(&[(":status", "408")], "ratelimit-policy").is_empty());
    for outcome in [states(&[(false, 0, 1_000)]), states(&[(true, 1, 1_000)])] {
        bench.stream.on_call(&bench.host, call, outcome.unwrap());
    }
    assert_eq!((bench.host.replied(), bench.host.take_resumed()), (None, vec![]));
}

#[test]
fn the_end_of_a_call_that_is_not_ours_does_nothing() {
    let mut bench = Bench::new(Stage::Address, json!([limit("a", "address", "allow")]));
    assert_eq!(bench.request(), Flow::Pause);
    let (call, _) = bench.asked();
    bench.stream.on_call(&bench.host, CallId(call.0 + 1), CallOutcome::Reset);
    assert!(bench.host.take_resumed().is_empty());
    bench.stream.on_call(&bench.host, call, states(&[(true, 1, 1)]).unwrap());
    assert_eq!(bench.host.take_resumed(), [Side::Request]);
}

#[test]
fn allow_passes_whatever_way_the_store_fails() {
    for failure in failures() {
        let mut bench = Bench::new(Stage::Address, json!([limit("a", "address", "allow")]));
        assert!(bench.pass(failure.clone()), "{failure:?}");
        assert!(bench.respond(&[], "ratelimit").is_empty());
        assert_eq!((bench.counted("store_failed"), bench.counted("failed_allowed")), (1, 1));
        assert_eq!(bench.counted("allowed"), 0);
    }
}

#[test]
fn one_limit_that_denies_refuses_whatever_way_the_store_fails() {
    for failure in failures() {
        let limits = ["allow", "local", "deny"].map(|on_failure| limit(on_failure, "address", on_failure));
        let mut bench = Bench::new(Stage::Address, json!(limits));
        assert!(!bench.pass(failure.clone()), "{failure:?}");
        let reply = bench.reply();
        assert_eq!(reply.status, 503);
        assert!(reply.headers.contains(&("retry-after".to_owned(), "1".to_owned())));
        assert_eq!((bench.counted("store_failed"), bench.counted("failed_denied")), (1, 1));
    }
}

#[test]
fn local_counts_whatever_way_the_store_fails_until_the_window_ends() {
    let mut two = limit("l", "address", "local");
    two["requests"] = json!(2);
    for failure in failures() {
        let mut bench = Bench::new(Stage::Address, json!([limit("a", "address", "allow"), two]));
        let pass = |bench: &mut Bench| {
            bench.next();
            bench.pass(failure.clone())
        };
        assert!(pass(&mut bench));
        assert_eq!(bench.respond(&[], "ratelimit"), [r#""l";r=1;t=60"#]);
        bench.host.advance(Duration::from_millis(19_500));
        assert!(pass(&mut bench));
        assert!(!pass(&mut bench));
        assert_eq!(bench.reply().status, 429);
        assert!(bench.reply().headers.contains(&("retry-after".to_owned(), "41".to_owned())));
        bench.host.advance(Duration::from_millis(40_500));
        assert!(pass(&mut bench));
        assert_eq!((bench.counted("failed_local_allowed"), bench.counted("failed_local_denied")), (3, 1));
    }
}

#[test]
fn local_counts_each_client_by_itself_up_to_the_configured_keys() {
    let config = json!({"stage": "address", "sidecar": {"cluster": "s"}, "local_keys": 3});
    let mut bench = Bench::configured(config);
    bench.route(Stage::Address, "r", &json!({"limits": [limit("l", "address", "local")]}).to_string());
    let mut pass = |client: u32| {
        bench.next();
        bench.host.set_property(&["source", "address"], format!("192.0.2.{client}:1").as_bytes());
        bench.pass(Some(CallOutcome::Reset))
    };
    assert_eq!((0..200).filter(|client| pass(*client)).count(), 3);
    assert!(pass(0));
}

#[test]
fn a_failing_store_is_logged_when_it_begins_and_when_it_is_over() {
    let mut bench = Bench::new(Stage::Address, json!([limit("a", "address", "allow")]));
    let mut pass = |outcome: Option<CallOutcome>, after: u64| {
        bench.host.advance(Duration::from_secs(after));
        bench.next();
        assert!(bench.pass(outcome));
        bench.host.logged().len()
    };
    let well = || states(&[(true, 1, 1_000)]);
    assert_eq!(pass(well(), 0), 0);
    assert_eq!(pass(answered(503, ""), 0), 1);
    assert_eq!(pass(answered(503, ""), 60), 1);
    assert_eq!(pass(well(), 9), 1, "one answer among failures is no recovery");
    assert_eq!(pass(well(), 1), 2);
    assert_eq!(pass(well(), 60), 2);
    assert_eq!(pass(None, 0), 3);
    let logged = bench.host.logged();
    assert!(logged[0].contains("503") && logged[1].contains("again"), "{logged:?}");
}
