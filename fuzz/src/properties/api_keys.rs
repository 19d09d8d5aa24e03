//! API keys: a request passes if it has one key where the policy says, and its consumer's; the upstream sees no key.

use ferrox_host::{Flow, Headers, Host, Side};

use super::{identity_headers, with_gateway};
use crate::gateway::{ACME_KEY, Gateway};

/// A policy and the places that it names.
struct Case {
    policy: &'static str,
    /// A header and what stands before the key in it.
    header: Option<(&'static str, &'static [u8])>,
    query: bool,
    cookie: bool,
}

const CASES: [Case; 4] = [
    Case { policy: r#"{"api_key":{}}"#, header: Some(("x-api-key", b"")), query: false, cookie: false },
    Case { policy: r#"{"api_key":{"from":[{"query":"key"}]}}"#, header: None, query: true, cookie: false },
    Case { policy: r#"{"api_key":{"from":[{"cookie":"key"}]}}"#, header: None, query: false, cookie: true },
    Case {
        policy: r#"{"api_key":{"from":[{"header":"x-token","prefix":"Key "},{"query":"key"},{"cookie":"key"}]}}"#,
        header: Some(("x-token", b"Key ")),
        query: true,
        cookie: true,
    },
];

/// The first byte chooses a policy; each line of the rest is a header, `name:value`. A line that begins with a slash is the
/// path.
pub fn hold(data: &[u8]) {
    let Some((chosen, lines)) = data.split_first() else { return };
    let case = &CASES[usize::from(*chosen) % CASES.len()];
    with_gateway(case.policy, |gateway| {
        send(gateway, lines);
        let found = case.keys(&gateway.host.headers(Side::Request));
        let flow = gateway.go();
        assert_eq!(flow == Flow::Continue, found == [ACME_KEY.as_bytes()], "{found:?}");
        if flow == Flow::Continue {
            assert_eq!(
                case.keys(&gateway.host.headers(Side::Request)),
                [[0_u8; 0]; 0],
                "the upstream sees it"
            );
            let expected = [("x-ferrox-consumer", "acme"), ("x-ferrox-scopes", "read")];
            let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(identity_headers(gateway), expected);
        }
    });
}

fn send(gateway: &Gateway, lines: &[u8]) {
    let (paths, headers): (Vec<&[u8]>, Vec<&[u8]>) =
        lines.split(|byte| *byte == b'\n').take(32).partition(|line| line.starts_with(b"/"));
    gateway.host.next_stream(&[(":authority", "api.example")]);
    gateway.host.add_raw_request_header(":path", paths.first().copied().unwrap_or(b"/"));
    for header in headers {
        let Some(colon) = header.iter().position(|byte| *byte == b':') else { continue };
        // Envoy refuses other names, and writes all in lower case.
        let name = header[..colon].to_ascii_lowercase();
        if !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b)) {
            gateway.host.add_raw_request_header(str::from_utf8(&name).unwrap(), &header[colon + 1..]);
        }
    }
}

impl Case {
    /// Every key in the places.
    fn keys(&self, headers: &Headers) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        if let Some((name, prefix)) = self.header {
            found.extend(
                headers.all(name).filter(|v| v.starts_with(prefix)).map(|v| v[prefix.len()..].to_vec()),
            );
        }
        if self.query {
            let target = headers.only(":path").unwrap();
            let query = target.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
            found.extend(query.split(|byte| *byte == b'&').filter_map(in_pair));
        }
        if self.cookie {
            let pairs = headers.all("cookie").flat_map(|value| value.split(|byte| *byte == b';'));
            found.extend(pairs.filter_map(|pair| in_cookie(pair.trim_ascii())));
        }
        found
    }
}

fn in_pair(pair: &[u8]) -> Option<Vec<u8>> {
    let mut halves = pair.splitn(2, |byte| *byte == b'=').map(unescape);
    (halves.next()? == b"key").then(|| halves.next().unwrap_or_default())
}

fn in_cookie(pair: &[u8]) -> Option<Vec<u8>> {
    let value = match pair.strip_prefix(b"key")? {
        [] => &[],
        [b'=', value @ ..] => value,
        _ => return None,
    };
    let is_quoted = value.len() > 1 && value.starts_with(b"\"") && value.ends_with(b"\"");
    Some(if is_quoted { value[1..value.len() - 1].to_vec() } else { value.to_vec() })
}

/// Percent-encoding (RFC 3986 section 2.1); a `%` that begins none stays.
fn unescape(text: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let [first, after @ ..] = rest {
        let digits =
            after.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let byte = digits.map(|digits| u8::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    out
}
