//! Connections that change to WebSocket (RFC 6455).

use std::time::{Duration, Instant};

use ferrox_testbed::{gateway::Gateway, ports::Port, wait::eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::rows;

/// The handshake of RFC 6455 section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// How long an answer may take, which is no limit for a WebSocket.
const TIMEOUT: Duration = Duration::from_millis(50);

/// The head of a message, up to its empty line.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await;
        let Ok(byte) = byte else { break };
        head.push(byte);
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

/// An upstream that agrees to every handshake and then sends back what it gets.
async fn echo(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let request = head(&mut stream).await;
            if !request.contains("upgrade: websocket") {
                let refusal =
                    b"HTTP/1.1 426 Upgrade Required\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
                return stream.write_all(refusal).await;
            }
            let agreed = format!(
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {ACCEPT}\r\n\r\n"
            );
            stream.write_all(agreed.as_bytes()).await?;
            let (mut read, mut write) = stream.split();
            tokio::io::copy(&mut read, &mut write).await.map(drop)
        });
    }
}

async fn handshake(gateway: &Gateway, path: &str) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: a.example.com\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    (head(&mut stream).await, stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_becomes_a_websocket_where_the_route_says_so() {
    let port = Port::free().unwrap();
    tokio::spawn(echo(TcpListener::bind(port.address()).await.unwrap()));
    let rows = format!(
        "insert into upstreams (name) values ('echo'); insert into endpoints values ('echo', '127.0.0.1', {});",
        port.number()
    ) + &rows::route("chat", "echo")
        + &rows::route("plain", "echo")
        + &format!("update routes set timeout_ms = {};", TIMEOUT.as_millis())
        + "update routes set upgrades = '{websocket}' where name = 'chat';";
    let gateway = Gateway::start(&rows).await.unwrap();
    let mut agreed = None;
    // Again on a machine so busy that Envoy finds no time to connect.
    eventually("the handshake is agreed to", async || {
        let (answer, stream) = handshake(&gateway, "/chat").await;
        let is_agreed = answer.starts_with("http/1.1 101 ") && answer.contains(&ACCEPT.to_ascii_lowercase());
        agreed = is_agreed.then_some(stream);
        is_agreed
    })
    .await
    .unwrap();
    let mut stream = agreed.unwrap();
    // A text frame with a mask (RFC 6455 section 5.7), for much longer than an answer may take.
    let frame = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    let began = Instant::now();
    while began.elapsed() < TIMEOUT * 5 {
        stream.write_all(&frame).await.unwrap();
        let mut echoed = [0; 11];
        stream.read_exact(&mut echoed).await.unwrap();
        assert_eq!(echoed, frame);
    }
    let (answer, _) = handshake(&gateway, "/plain").await;
    assert!(answer.starts_with("http/1.1 403 "), "{answer}");
}
