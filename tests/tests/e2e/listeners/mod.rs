//! Where a gateway listens, and what it does with who connects there.

mod address;
mod limits;

use std::net::{Ipv4Addr, SocketAddr};

use ferrox_testbed::{
    bootstrap::Protocol,
    gateway::{Gateway, GatewayOptions},
    ports::Port,
    upstream::Upstream,
    wait::eventually,
};
use tokio::net::TcpStream;

use crate::{
    rows,
    wire::{Answer, exchange, get},
    xds::in_both_variants,
};

in_both_variants!(a_gateway_listens_where_its_rows_say_and_else_where_the_setting_does);

pub(crate) const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A gateway with the route `/r` of this policy, and these columns of its only listener.
pub(crate) async fn gateway(
    upstream: &Upstream,
    policies: &str,
    columns: &str,
    values: &str,
) -> (Gateway, Port) {
    let rows = rows::upstream(upstream) + &rows::route("r", upstream.name()) + policies;
    let gateway = Gateway::start(&rows).await.unwrap();
    let port = add(&gateway, "l", columns, values).await;
    (gateway, port)
}

/// Adds a listener on a free port of 127.0.0.1 and waits until Envoy takes connections there.
pub(crate) async fn add(gateway: &Gateway, name: &str, columns: &str, values: &str) -> Port {
    let port = Port::free().unwrap();
    let row = format!(
        "insert into listeners (name, address, port, {columns}) values ('{name}', '127.0.0.1', {}, {values})",
        port.number()
    );
    gateway.sql(&row).await.unwrap();
    eventually("Envoy listens", async || TcpStream::connect(port.address()).await.is_ok()).await.unwrap();
    port
}

/// The answer to a GET of `/r` on a connection of its own, after some bytes, with these header lines.
pub(crate) async fn ask(address: SocketAddr, first: &[u8], lines: &[&str]) -> Option<Answer> {
    let stream = TcpStream::connect(address).await.unwrap();
    exchange(stream, &[first, get("/r", "gateway", lines).as_bytes()].concat()).await
}

async fn status(address: SocketAddr) -> Option<u16> {
    let stream = TcpStream::connect(address).await.ok()?;
    exchange(stream, get("/r", "gateway", &[]).as_bytes()).await.map(|answer| answer.status)
}

async fn a_gateway_listens_where_its_rows_say_and_else_where_the_setting_does(protocol: Protocol) {
    let upstream = Upstream::start_new("u").unwrap();
    let rows = rows::upstream(&upstream) + &rows::route("r", "u");
    let options = GatewayOptions { protocol, ..GatewayOptions::default() };
    let mut gateway = Gateway::start_with(&rows, options).await.unwrap();
    let setting = gateway.address();
    assert_eq!(status(setting).await, Some(200));

    let one = add(&gateway, "one", "protocol", "'http'").await;
    let two = add(&gateway, "two", "protocol", "'http'").await;
    assert_eq!((status(one.address()).await, status(two.address()).await), (Some(200), Some(200)));
    eventually("the setting's is gone", async || TcpStream::connect(setting).await.is_err()).await.unwrap();
    // A row may say what the setting does, and a listener may move.
    let moves = format!("update listeners set port = {} where name = 'one'", setting.port());
    gateway.sql(&moves).await.unwrap();
    eventually("the listener has moved", async || status(setting).await == Some(200)).await.unwrap();

    gateway.sql("delete from listeners").await.unwrap();
    eventually("the others are gone", async || TcpStream::connect(two.address()).await.is_err())
        .await
        .unwrap();
    eventually("the setting's is back", async || status(setting).await == Some(200)).await.unwrap();
    let envoy = gateway.envoy().unwrap();
    assert_eq!(envoy.stat("listener_manager.lds.update_rejected").await.unwrap(), 0);
    assert_eq!(envoy.stat("listener_manager.listener_create_failure").await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_that_would_take_the_same_connections_are_refused_and_the_others_stay() {
    let upstream = Upstream::start_new("u").unwrap();
    let (gateway, port) = gateway(&upstream, "", "protocol", "'http'").await;
    let twin =
        format!("insert into listeners (name, port, protocol) values ('twin', {}, 'http')", port.number());
    gateway.sql(&twin).await.unwrap();
    let problem = format!(
        "listeners 'twin': field port: 127.0.0.1:{port} of listener 'l' takes in 0.0.0.0:{port}",
        port = port.number()
    );
    eventually("the row is refused", async || {
        gateway.status().await.unwrap()["problems"] == serde_json::json!([problem])
    })
    .await
    .unwrap();
    assert_eq!(status(port.address()).await, Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_goes_before_everything_and_keeps_path_query_and_method() {
    let upstream = Upstream::start_new("u").unwrap();
    let auth = rows::policy("r", "auth", &serde_json::json!({"api_key": {}}));
    let (gateway, usual) = gateway(&upstream, &auth, "protocol, redirect_https_port", "'http', 443").await;
    let other = add(&gateway, "other", "protocol, redirect_https_port", "'http', 8443").await;
    let location = async |port: &Port, request: &str| {
        let stream = TcpStream::connect(port.address()).await.unwrap();
        let answer = exchange(stream, request.as_bytes()).await.unwrap();
        (answer.status, answer.header("location").unwrap().to_owned())
    };
    let request = get("/r/x?y=z", "Example.com:8080", &[]);
    assert_eq!(location(&usual, &request).await, (308, "https://Example.com/r/x?y=z".to_owned()));
    assert_eq!(location(&other, &request).await, (308, "https://Example.com:8443/r/x?y=z".to_owned()));
    let post = get("/nowhere", "[::1]", &["content-length: 1"]).replace("GET", "POST") + "x";
    assert_eq!(location(&other, &post).await, (308, "https://[::1]:8443/nowhere".to_owned()));
    assert_eq!(upstream.control().all_requests(), 0);
}
