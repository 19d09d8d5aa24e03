//! Requests that no honest client sends: an orderly answer to each, and Envoy's VMs live on.

use ferrox_testbed::{gateway::Gateway, upstream::Upstream};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::rows;

/// Sends bytes as they are and reads the status of the answer.
pub(crate) async fn status(gateway: &Gateway, request: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    // Envoy may refuse and close before it has read everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).map(str::parse);
    status.unwrap_or_else(|| panic!("no answer: {answer:?}")).unwrap()
}

/// A GET over HTTP/1.1.
pub(crate) fn request(path: &[u8], headers: &[&[u8]]) -> Vec<u8> {
    let mut request = [b"GET ", path, b" HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n"].concat();
    for header in headers {
        request.extend_from_slice(header);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_requests_get_orderly_answers_and_the_filters_live_on() {
    let upstream = Upstream::start_new("u").unwrap();
    let mut rows = rows::upstream(&upstream) + &rows::consumer("acme", "", "acme-key");
    for name in ["public", "guarded", "all"] {
        rows += &rows::route(name, "u");
    }
    let limit =
        |name: &str, by: &str| json!({"name": name, "by": by, "requests": 1_000_000, "window_seconds": 60});
    rows += &rows::policy("guarded", "auth", &json!({"jwt": {}, "api_key": {}}));
    rows += &rows::policy("all", "auth", &json!({"jwt": {}, "api_key": {}}));
    rows += &rows::policy(
        "all",
        "rate_limit",
        &json!({"limits": [limit("a", "address"), limit("i", "identity")]}),
    );
    rows += &rows::policy("all", "cache", &json!({"headers": ["x-any"]}));
    let mut gateway = Gateway::start(&rows).await.unwrap();

    let key = b"x-api-key: acme-key".as_slice();
    let not_utf8 = b"x-any: \xff\xfe\xf0".as_slice();
    let long = [b"x-any: ".as_slice(), &[b'a'; 60 << 10]].concat();
    let huge = [b"x-any: ".as_slice(), &[b'a'; 200 << 10]].concat();
    for path in ["/public", "/guarded", "/all"] {
        let path = path.as_bytes();
        let is_open = path == b"/public";
        let open_or = |status: u16| if is_open { 200 } else { status };
        let sub = |rest: &[u8]| [path, rest].concat();

        assert_eq!(status(&gateway, &request(path, &[not_utf8, key])).await, 200);
        assert_eq!(
            status(&gateway, &request(path, &[b"authorization: Bearer \xff\xfe"])).await,
            open_or(401)
        );
        assert_eq!(status(&gateway, &request(path, &[b"x-api-key: \xff\xfe"])).await, open_or(401));
        assert_eq!(status(&gateway, &request(path, &[b"x-ferrox-subject: \xff", key])).await, 200);
        let three: [&[u8]; 3] =
            [b"authorization: Bearer a", b"authorization: Basic b", b"authorization: Bearer c"];
        assert_eq!(status(&gateway, &request(path, &three)).await, open_or(401));
        assert_eq!(status(&gateway, &request(path, &[&huge])).await, 431);
        let answer = status(&gateway, &request(path, &[&long, key])).await;
        assert!([200, 431].contains(&answer), "{answer}");
        assert_eq!(status(&gateway, &request(&sub(b"/%00"), &[key])).await, 400);
        assert_eq!(status(&gateway, &request(&sub(b"//x///y"), &[key])).await, 200);
        assert_eq!(status(&gateway, &request(&sub(b"/../nowhere"), &[key])).await, 404);
        // A slash in disguise is not let through as a segment.
        let disguised = status(&gateway, &request(&sub(b"/a%2fb"), &[key])).await;
        assert!([307, 400].contains(&disguised), "{disguised}");
    }
    // A path cannot be dressed up to go around the policy of its route.
    for path in [b"/public/../guarded".as_slice(), b"//guarded", b"/./guarded", b"/guarded/", b"/%67uarded"] {
        assert_eq!(status(&gateway, &request(path, &[])).await, 401, "{}", String::from_utf8_lossy(path));
    }

    // Both workers still serve every filter, and no VM has been restarted.
    for _ in 0..20 {
        assert_eq!(status(&gateway, &request(b"/all", &[key])).await, 200);
        assert_eq!(status(&gateway, &request(b"/all", &[])).await, 401);
    }
    assert!(gateway.ended().unwrap().is_empty());
    let log = gateway.envoy().unwrap().log_tail(usize::MAX);
    for sign in ["panicked", "RuntimeError", "Function: proxy_", "vm_reload"] {
        assert!(!log.contains(sign), "'{sign}' in Envoy's log");
    }
}
