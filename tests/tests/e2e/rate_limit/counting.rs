//! What a request counts, whether it counts when it is refused, and limits that refuse nothing.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use serde_json::json;

use super::{header, limited, statuses};
use crate::{
    access_log::{line, log},
    rows,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_counts_what_it_costs() {
    let upstream = Upstream::start_new("u").unwrap();
    let costly = json!({"name": "n", "by": "address", "requests": 10, "cost": 4});
    let rows = [rows::upstream(&upstream), limited("costly", &[costly])];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    for remain in [6, 2] {
        let passed = gateway.get("/costly").await.unwrap();
        let state = header(&passed, "ratelimit");
        assert!(state.starts_with(&format!(r#""n";r={remain};"#)), "{state}");
    }
    assert_eq!(statuses(&gateway, "/costly", 2).await, [429, 429], "2 are left, it costs 4");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_counts_only_where_the_limit_says_so() {
    let upstream = Upstream::start_new("u").unwrap();
    let limit = |name: &str, requests: u64, count_denied: bool| json!({"name": name, "by": "address", "requests": requests, "count_denied": count_denied});
    let limits = [limit("one", 1, false), limit("passed", 10, false), limit("asked", 10, true)];
    let rows = [rows::upstream(&upstream), limited("r", &limits)];
    let gateway = Gateway::start(&rows.concat()).await.unwrap();
    assert_eq!(statuses(&gateway, "/r", 4).await, [200, 429, 429, 429]);
    let last = gateway.get("/r").await.unwrap();
    let state = header(&last, "ratelimit");
    for remain in [r#""one";r=0;"#, r#""passed";r=9;"#, r#""asked";r=5;"#] {
        assert!(state.contains(remain), "{remain} in {state}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_only_reported_lets_pass_and_is_counted_and_logged() {
    let upstream = Upstream::start_new("u").unwrap();
    let limit = |name: &str, requests: u64, report_only: bool| json!({"name": name, "by": "address", "requests": requests, "report_only": report_only});
    let rows = [
        rows::upstream(&upstream),
        limited("trial", &[limit("tried", 1, true)]),
        limited("both", &[limit("tried", 1, true), limit("kept", 2, false)]),
    ];
    let mut gateway = Gateway::start(&rows.concat()).await.unwrap();
    assert_eq!(statuses(&gateway, "/trial", 3).await, [200; 3]);
    assert_eq!(statuses(&gateway, "/both", 3).await, [200, 200, 429]);
    let trial =
        gateway.client().get(gateway.url("/trial")).header("user-agent", "trial").send().await.unwrap();
    assert!(!trial.headers().contains_key("ratelimit") && !trial.headers().contains_key("ratelimit-policy"));
    let both = gateway.client().get(gateway.url("/both")).header("user-agent", "both").send().await.unwrap();
    assert_eq!(header(&both, "ratelimit-policy"), r#""kept";q=2;w=600"#);
    assert!(header(&both, "ratelimit").starts_with(r#""kept";r=0;"#) && both.status() == 429);

    let stats = gateway.envoy().unwrap().stats().await.unwrap();
    let counted = |name: &str| stats[&format!("wasmcustom.ferrox.rate_limit.address.{name}")];
    // Those that would have been refused: the second to fourth of /trial, and of /both, where two were refused.
    assert_eq!([counted("reported"), counted("allowed"), counted("denied")], [6, 6, 2]);
    let log = log(&mut gateway).await;
    assert_eq!(line(&log, "trial")["rate_limit_address"], "allowed reported tried");
    assert_eq!(line(&log, "both")["rate_limit_address"], "denied kept reported tried");
}
