//! Who is known to be over a limit is refused without a question.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use serde_json::json;

use super::{decisions, header, limited, statuses};
use crate::rows;

const REFUSED: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_over_its_limit_costs_few_questions_and_is_told_when_to_come_back() {
    let upstream = Upstream::start_new("u").unwrap();
    let limit = |name: &str, by: &str, requests: u64| json!({"name": name, "by": by, "requests": requests});
    let rows =
        [rows::upstream(&upstream), limited("r", &[limit("few", "address", 2), limit("many", "all", 1_000)])];
    let mut gateway = Gateway::start(&rows.concat()).await.unwrap();
    assert_eq!(statuses(&gateway, "/r", 2).await, [200; 2]);
    let before = decisions(&gateway).await;
    assert_eq!(statuses(&gateway, "/r", REFUSED).await, [429; REFUSED]);
    let asked = decisions(&gateway).await - before;
    assert!((1..REFUSED as u64 / 2).contains(&asked), "{asked} asked");

    let refused = gateway.get("/r").await.unwrap();
    let wait: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((1..=600).contains(&wait) && header(&refused, "ratelimit").contains(r#""few";r=0;t="#));
    assert_eq!(header(&refused, "ratelimit-policy"), r#""few";q=2;w=600, "many";q=1000;w=600"#);

    let asked = decisions(&gateway).await - before;
    let stats = gateway.envoy().unwrap().stats().await.unwrap();
    let counted = |name: &str| stats[&format!("wasmcustom.ferrox.rate_limit.address.{name}")];
    assert_eq!(counted("denied"), REFUSED as u64 + 1);
    assert_eq!(counted("denied_known"), REFUSED as u64 + 1 - asked);
    assert_eq!(upstream.requests("/r"), 2);
}
