//! Issuers whose answers are too large, or have no end.

use std::{io, time::Duration};

use ferrox_testbed::{gateway::GatewayOptions, tokens::Issuer, upstream::Upstream, wait::eventually};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::sleep,
};

use super::{Publisher, passes, start};
use crate::rows;

/// What a server writes until its client goes: 1 MiB is taken, and the rest fills buffers on the way.
const WRITTEN_AT_MOST: usize = 32 << 20;

const OPEN: &str = "HTTP/1.1 200 OK\r\n\r\n";

/// A server whose answers have this head, and then blanks for ever, so many at a time.
struct Endless {
    url: String,
    /// How much of each body was written when its client went.
    written: mpsc::UnboundedReceiver<usize>,
}

impl Endless {
    async fn start(blanks: usize, pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let (gone, written) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let gone = gone.clone();
                tokio::spawn(async move {
                    let mut written = 0;
                    let end = pour(stream, blanks, pause, &mut written).await;
                    if end.is_err() {
                        // The test may be over, and hear no more.
                        gone.send(written).ok();
                    }
                });
            }
        });
        Self { url, written }
    }
}

/// Answers until the client goes.
async fn pour(mut stream: TcpStream, blanks: usize, pause: Duration, written: &mut usize) -> io::Result<()> {
    stream.read_u8().await?;
    stream.write_all(OPEN.as_bytes()).await?;
    let blanks = vec![b' '; blanks];
    loop {
        stream.write_all(&blanks).await?;
        *written += blanks.len();
        sleep(pause).await;
    }
}

/// A server that promises more than it writes.
async fn breaking_off() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{\"keys\": []").await.ok();
        }
    });
    url
}

fn provider(name: &str, url: &str) -> String {
    rows::provider(name, &json!({"keys": []}))
        + &format!("update jwt_providers set jwks = null, jwks_uri = '{url}' where name = '{name}';")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_an_end_is_given_up_and_stands_in_nobody_s_way() {
    let (upstream, publisher, large) =
        (Upstream::start_new("u").unwrap(), Publisher::new(), Publisher::new());
    let issuer = Issuer::es256("k").unwrap();
    publisher.keys(&[&issuer]);
    large.publish("/keys", &" ".repeat((1 << 20) + 1));
    let mut flood = Endless::start(64 << 10, Duration::ZERO).await;
    let mut drip = Endless::start(1, Duration::from_millis(50)).await;
    let providers = [
        provider("breaks_off", &breaking_off().await),
        provider("drip", &drip.url),
        provider("flood", &flood.url),
        provider("large", &large.url("/keys")),
        provider("right", &publisher.url("/keys")),
    ];
    let gateway = start(&providers.concat(), &upstream, GatewayOptions::default()).await;
    passes(&gateway, &issuer, &rows::issuer("right")).await;
    let too_large = "/keys: the answer broke off or is larger than 1048576 bytes";
    for (name, reason) in [
        ("breaks_off", too_large),
        ("drip", "/keys: no whole answer within 10 s"),
        ("flood", too_large),
        ("large", too_large),
    ] {
        eventually(&format!("{name}: {reason}"), async || {
            let status = gateway.status().await.unwrap();
            let mut sources = status["jwks"].as_array().unwrap().iter();
            let source = sources.find(|source| source["provider"] == name).unwrap();
            source["error"].as_str().is_some_and(|error| error.ends_with(reason))
        })
        .await
        .unwrap();
    }
    for server in [&mut flood, &mut drip] {
        let mut written = None;
        eventually("the connection is closed", async || {
            written = server.written.try_recv().ok();
            written.is_some()
        })
        .await
        .unwrap();
        assert!(written.unwrap() < WRITTEN_AT_MOST, "{written:?}");
    }
}
