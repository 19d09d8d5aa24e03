//! An upstream with several endpoints, `pool`.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream, wait::eventually};

use crate::rows;

/// So many upstreams of the testbed, as its endpoints.
pub(crate) fn start(count: usize) -> Vec<Upstream> {
    (0..count).map(|index| Upstream::start_new(&format!("e{index}")).unwrap()).collect()
}

/// Its rows, with these columns, and a route of its name.
pub(crate) fn rows(endpoints: &[Upstream], columns: &str) -> String {
    let mut rows = "insert into upstreams (name) values ('pool');".to_owned() + &rows::route("pool", "pool");
    for endpoint in endpoints {
        rows += &rows::endpoint("pool", endpoint.port());
    }
    rows + &format!("update upstreams set {columns};")
}

/// Waits until so many endpoints of an upstream are in, as Envoy's main thread tells its workers.
pub(crate) async fn until_in(gateway: &mut Gateway, upstream: &str, endpoints: u64) {
    let stat = format!("cluster.{upstream}.membership_healthy");
    let envoy = gateway.envoy().unwrap();
    eventually(&format!("{endpoints} endpoints are in"), async || {
        envoy.stat(&stat).await.unwrap() == endpoints
    })
    .await
    .unwrap();
}
