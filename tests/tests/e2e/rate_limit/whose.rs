//! Whose requests are counted together.

use ferrox_testbed::{gateway::Gateway, ports::Port, upstream::Upstream};
use serde_json::json;
use tokio::net::TcpStream;

use super::limited;
use crate::{
    listeners, rows,
    wire::{exchange, get},
};

/// A gateway that believes the address in `X-Forwarded-For`.
pub(super) async fn behind_a_proxy(rows: &str) -> (Gateway, Port) {
    let gateway = Gateway::start(rows).await.unwrap();
    let columns = "protocol, trusted_hops, trusted_proxies";
    let port = listeners::add(&gateway, "l", columns, "'http', 1, '{127.0.0.1/32}'").await;
    (gateway, port)
}

/// The statuses of the answers to these clients, one after the other.
pub(super) async fn asked_by(port: &Port, path: &str, clients: &[&str]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for client in clients {
        let request = get(path, "gateway", &[&format!("x-forwarded-for: {client}")]);
        let stream = TcpStream::connect(port.address()).await.unwrap();
        statuses.push(exchange(stream, request.as_bytes()).await.unwrap().status);
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_of_one_network_count_together() {
    let upstream = Upstream::start_new("u").unwrap();
    let one = json!({"name": "n", "by": "address", "requests": 1});
    let mut networks = one.clone();
    (networks["ipv4_bits"], networks["ipv6_bits"]) = (json!(24), json!(48));
    let rows = [rows::upstream(&upstream), limited("clients", &[one]), limited("networks", &[networks])];
    let (_gateway, port) = behind_a_proxy(&rows.concat()).await;

    let clients = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.3.1"];
    assert_eq!(asked_by(&port, "/clients", &clients).await, [200, 429, 200, 200]);
    assert_eq!(asked_by(&port, "/networks", &clients).await, [200, 429, 429, 200]);
    // A site has a /64 at least, and so all of its addresses.
    let clients = ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1", "2001:db8:1::1"];
    assert_eq!(asked_by(&port, "/clients", &clients).await, [200, 429, 200, 200]);
    assert_eq!(asked_by(&port, "/networks", &clients).await, [200, 429, 429, 200]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_everybody_counts_all_clients_and_runs_before_auth() {
    let upstream = Upstream::start_new("u").unwrap();
    let all = json!({"name": "n", "by": "all", "requests": 2});
    let rows = [
        rows::upstream(&upstream),
        limited("all", std::slice::from_ref(&all)),
        limited("guarded", &[all]),
        rows::policy("guarded", "auth", &json!({"api_key": {}})),
    ];
    let (_gateway, port) = behind_a_proxy(&rows.concat()).await;
    let clients = ["192.0.2.1", "198.51.100.1", "2001:db8::1"];
    assert_eq!(asked_by(&port, "/all", &clients).await, [200, 200, 429]);
    assert_eq!(asked_by(&port, "/guarded", &clients).await, [401, 401, 429]);
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_share_a_limit_if_both_say_so() {
    let upstream = Upstream::start_new("u").unwrap();
    let limit = |shared: bool| json!({"name": "n", "by": "address", "requests": 2, "shared": shared});
    let rows = [
        rows::upstream(&upstream),
        limited("a", &[limit(true)]),
        limited("b", &[limit(true)]),
        limited("apart", &[limit(false)]),
    ];
    let (_gateway, port) = behind_a_proxy(&rows.concat()).await;
    let mut statuses = Vec::new();
    for path in ["/a", "/b", "/a", "/b", "/apart", "/apart", "/apart"] {
        statuses.extend(asked_by(&port, path, &["192.0.2.1"]).await);
    }
    assert_eq!(statuses, [200, 200, 429, 429, 200, 200, 429]);
    assert_eq!(asked_by(&port, "/b", &["192.0.2.2"]).await, [200], "a client of its own");
}
