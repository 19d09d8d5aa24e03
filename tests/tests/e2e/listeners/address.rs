//! Whose address limits count by: nobody can choose it.

use std::net::Ipv4Addr;

use ferrox_testbed::{ports::Port, upstream::Upstream};
use serde_json::json;

use super::{LOOPBACK, ask, gateway};
use crate::{
    rows,
    wire::{connect_from, exchange, get},
};

/// Two requests of an address.
fn two_of_an_address() -> String {
    let limit = json!({"name": "two", "by": "address", "requests": 2, "window_seconds": 600});
    rows::policy("r", "rate_limit", &json!({"timeout_ms": 1_000, "limits": [limit]}))
}

/// The status of the answer to a request with this `X-Forwarded-For`.
async fn forwarded(port: &Port, header: &str) -> u16 {
    ask(port.address(), b"", &[&format!("x-forwarded-for: {header}")]).await.unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn without_trusted_hops_no_header_changes_the_address() {
    let upstream = Upstream::start_new("u").unwrap();
    let (_gateway, port) = gateway(&upstream, &two_of_an_address(), "protocol", "'http'").await;
    let answers = [
        forwarded(&port, "10.1.1.1").await,
        forwarded(&port, "10.1.1.2, 10.1.1.3").await,
        forwarded(&port, "10.1.1.4").await,
    ];
    assert_eq!(answers, [200, 200, 429]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outermost_trusted_proxy_tells_the_address_and_what_stands_before_it_is_nothing() {
    let upstream = Upstream::start_new("u").unwrap();
    let behind = |hops| format!("'http', {hops}, '{{127.0.0.1/32}}'");
    let columns = "protocol, trusted_hops, trusted_proxies";
    let (gateway, one) = gateway(&upstream, &two_of_an_address(), columns, &behind(1)).await;
    // The proxy adds the client's address to whatever the client wrote.
    assert_eq!(forwarded(&one, "10.1.1.1").await, 200);
    assert_eq!(forwarded(&one, "10.9.9.9, 10.1.1.1").await, 200);
    assert_eq!(forwarded(&one, "10.1.1.2, nonsense, 10.1.1.1").await, 429);
    assert_eq!(forwarded(&one, "10.1.1.1, 10.1.1.2").await, 200, "another client");
    let seen = upstream.last().unwrap().headers["x-forwarded-for"].to_str().unwrap().to_owned();
    // Envoy adds whom it sees itself.
    assert!(seen.starts_with("10.1.1.1, 10.1.1.2,"), "{seen}");

    // Two proxies: the inner one adds the outer one's address.
    let two = super::add(&gateway, "two", columns, &behind(2)).await;
    assert_eq!(forwarded(&two, "10.2.2.2, 10.0.0.7").await, 200);
    assert_eq!(forwarded(&two, "10.9.9.9, 10.2.2.2, 10.0.0.8").await, 200);
    assert_eq!(forwarded(&two, "10.2.2.3, 10.2.2.2, 10.0.0.7").await, 429);
    // Fewer addresses than proxies: that of who connects.
    assert_eq!([forwarded(&two, "10.3.3.3").await, forwarded(&two, "10.3.3.4").await], [200, 200]);
    assert_eq!(forwarded(&two, "10.3.3.5").await, 429);
}

/// Version 1 of the PROXY protocol: a line of text.
fn version_1(client: Ipv4Addr) -> Vec<u8> {
    format!("PROXY TCP4 {client} 127.0.0.1 1234 80\r\n").into_bytes()
}

/// Version 2: a signature, version and command, family, length, addresses and ports.
fn version_2(client: Ipv4Addr) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend(client.octets());
    header.extend(LOOPBACK.octets());
    header.extend([4, 210, 0, 80]);
    header
}

const BEHIND_PROXY_PROTOCOL: (&str, &str) =
    ("protocol, proxy_protocol, trusted_proxies", "'http', true, '{127.0.0.1/32}'");

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_header_of_either_version_tells_the_address_and_none_is_refused() {
    let upstream = Upstream::start_new("u").unwrap();
    let (columns, values) = BEHIND_PROXY_PROTOCOL;
    let (_gateway, port) = gateway(&upstream, &two_of_an_address(), columns, values).await;
    let (ada, bob) = (Ipv4Addr::new(10, 1, 1, 1), Ipv4Addr::new(10, 1, 1, 2));
    let status = async |first: Vec<u8>| {
        let forged = ["x-forwarded-for: 10.9.9.9"];
        ask(port.address(), &first, &forged).await.map(|answer| answer.status)
    };
    assert_eq!(status(version_1(ada)).await, Some(200));
    assert_eq!(status(version_2(ada)).await, Some(200));
    assert_eq!(status(version_1(ada)).await, Some(429));
    assert_eq!(status(version_2(ada)).await, Some(429));
    assert_eq!(status(version_2(bob)).await, Some(200));
    assert_eq!(status(Vec::new()).await, None, "a connection without a header");
    assert_eq!(status(b"PROXY nonsense\r\n".to_vec()).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_from_elsewhere_is_closed_whatever_it_says() {
    let upstream = Upstream::start_new("u").unwrap();
    let (columns, values) = BEHIND_PROXY_PROTOCOL;
    let (gateway, proxied) = gateway(&upstream, "", columns, values).await;
    let columns = "protocol, trusted_hops, trusted_proxies";
    let hops = super::add(&gateway, "hops", columns, "'http', 1, '{127.0.0.1/32}'").await;
    let from = async |source: Ipv4Addr, port: &Port, first: &[u8]| {
        let stream = connect_from(source, port.address()).await.unwrap();
        let request = [first, get("/r", "gateway", &[]).as_bytes()].concat();
        exchange(stream, &request).await.map(|answer| answer.status)
    };
    let stranger = Ipv4Addr::new(127, 0, 0, 2);
    // Also when it claims to speak for a trusted proxy.
    let header = version_1(LOOPBACK);
    assert_eq!(from(LOOPBACK, &proxied, &header).await, Some(200));
    assert_eq!(from(stranger, &proxied, &header).await, None);
    assert_eq!(from(LOOPBACK, &hops, b"").await, Some(200));
    assert_eq!(from(stranger, &hops, b"").await, None);
    assert_eq!(upstream.control().all_requests(), 2);
}
