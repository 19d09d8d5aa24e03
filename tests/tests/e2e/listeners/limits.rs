//! What a client may ask of a listener.

use std::net::SocketAddr;

use ferrox_testbed::{upstream::Upstream, wait::eventually};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{add, ask, gateway, status};
use crate::wire::exchange;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_too_slowly_is_cut_off() {
    let upstream = Upstream::start_new("u").unwrap();
    let (gateway, headers) =
        gateway(&upstream, "", "protocol, request_headers_timeout_ms", "'http', 100").await;
    let whole = add(&gateway, "whole", "protocol, request_timeout_ms", "'http', 100").await;
    let idle = add(&gateway, "idle", "protocol, idle_timeout_ms", "'http', 100").await;

    let patient = add(&gateway, "patient", "protocol, request_headers_timeout_ms", "'http', 600000").await;

    let begin = b"GET /r HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n";
    let mut slow = TcpStream::connect(patient.address()).await.unwrap();
    slow.write_all(begin).await.unwrap();
    let stream = TcpStream::connect(headers.address()).await.unwrap();
    assert_eq!(exchange(stream, begin).await.unwrap().status, 408);
    assert_eq!(exchange(slow, b"\r\n").await.unwrap().status, 200, "it began earlier, where there is time");
    let stream = TcpStream::connect(whole.address()).await.unwrap();
    let answer = exchange(stream, b"POST /r HTTP/1.1\r\nhost: gateway\r\ncontent-length: 2\r\n\r\nx").await;
    assert_eq!(answer.unwrap().status, 408);
    // Nothing was asked, so nothing is answered.
    let stream = TcpStream::connect(idle.address()).await.unwrap();
    assert_eq!(exchange(stream, b"").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_may_be_as_large_as_the_listener_says() {
    let upstream = Upstream::start_new("u").unwrap();
    let (gateway, small) = gateway(&upstream, "", "protocol, max_request_headers_kb", "'http', 1").await;
    let large = add(&gateway, "large", "protocol, max_request_headers_kb", "'http', 96").await;
    let line = |kilobytes: usize| format!("x-any: {}", "a".repeat(kilobytes << 10));
    let status =
        async |port: SocketAddr, kilobytes| ask(port, b"", &[&line(kilobytes)]).await.unwrap().status;
    assert_eq!((status(small.address(), 2).await, status(large.address(), 2).await), (431, 200));
    assert_eq!(status(large.address(), 100).await, 431);
}

/// A connection that stays open, on which one request was answered.
async fn answered(address: SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(b"GET /r HTTP/1.1\r\nhost: gateway\r\n\r\n").await.ok()?;
    let read = stream.read(&mut [0; 64]).await.ok()?;
    (read > 0).then_some(stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_too_many_is_closed() {
    let upstream = Upstream::start_new("u").unwrap();
    let (_gateway, port) = gateway(&upstream, "", "protocol, max_connections", "'http', 1").await;
    // A connection that was closed just now may still count, so ours may be the one too many.
    let mut held = None;
    eventually("the only connection is ours", async || {
        held = answered(port.address()).await;
        held.is_some()
    })
    .await
    .unwrap();
    assert_eq!(status(port.address()).await, None);
    drop(held);
    eventually("there is room again", async || status(port.address()).await == Some(200)).await.unwrap();
}

/// The client's side of HTTP/2 begins so (RFC 9113 section 3.4); the server's with a SETTINGS frame.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_spoken_where_the_listener_says() {
    let upstream = Upstream::start_new("u").unwrap();
    let (gateway, both) = gateway(&upstream, "", "protocol", "'http'").await;
    let only_1 = add(&gateway, "only-1", "protocol, http2", "'http', false").await;
    let begins = async |address| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.map(|_| answer).ok()
    };
    // Type 4, after three bytes of length.
    assert_eq!(begins(both.address()).await.map(|frame| frame[3]), Some(4));
    assert_ne!(begins(only_1.address()).await.map(|frame| frame[3]), Some(4));
    assert_eq!(status(only_1.address()).await, Some(200));
}
