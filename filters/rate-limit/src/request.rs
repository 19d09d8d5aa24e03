//! What a request says of itself, taken apart so that two spellings of one thing are one.

use std::{borrow::Cow, collections::BTreeSet};

use ferrox_host::Headers;
use percent_encoding::percent_decode;

/// Values of which neither the order nor the number makes a difference: who repeats himself is not somebody else.
pub(crate) type Values<'h> = BTreeSet<Cow<'h, [u8]>>;

/// The values of a header.
pub(crate) fn in_header<'h>(headers: &'h Headers, name: &str) -> Values<'h> {
    headers.all(name).map(Cow::Borrowed).collect()
}

/// The values of a parameter of the query. Some upstreams take `;` for a separator too, and `+` for a space (WHATWG URL section
/// 5.1): who could mean the same by two spellings gets one count.
pub(crate) fn in_query<'h>(headers: &'h Headers, name: &str) -> Values<'h> {
    let pairs = target(headers).1.split(|b| matches!(b, b'&' | b';')).map(name_and_value);
    let named = pairs.filter(|(found, _)| *decoded_form(found) == *name.as_bytes());
    named.map(|(_, value)| decoded_form(value)).collect()
}

/// The values of a cookie (RFC 6265 section 4.1.1), with or without quotes.
pub(crate) fn in_cookies<'h>(headers: &'h Headers, name: &str) -> Values<'h> {
    let pairs = headers.all("cookie").flat_map(|value| value.split(|b| *b == b';'));
    let named = pairs.map(|pair| name_and_value(pair.trim_ascii()));
    let named = named.filter(|(found, _)| found.trim_ascii() == name.as_bytes());
    named.map(|(_, value)| Cow::Borrowed(unquoted(value.trim_ascii()))).collect()
}

/// The segments of the path, each decoded once (RFC 3986 section 6.2.2.2).
pub(crate) fn segments(headers: &Headers) -> Vec<Cow<'_, [u8]>> {
    target(headers).0.split(|b| *b == b'/').skip(1).map(|segment| percent_decode(segment).into()).collect()
}

/// The host without its port, in lower case, without the dot that ends a full name (RFC 3986 section 3.2.2).
pub(crate) fn host(headers: &Headers) -> Vec<u8> {
    let authority = headers.only(":authority").unwrap_or_default();
    let end_of_address = authority.iter().rposition(|b| *b == b']').unwrap_or(0);
    let host = match authority.iter().rposition(|b| *b == b':') {
        Some(colon) if colon >= end_of_address => authority.get(..colon).unwrap_or(authority),
        _ => authority,
    };
    host.strip_suffix(b".").unwrap_or(host).to_ascii_lowercase()
}

/// The method.
pub(crate) fn method(headers: &Headers) -> &[u8] {
    headers.only(":method").unwrap_or_default()
}

/// Path and query.
fn target(headers: &Headers) -> (&[u8], &[u8]) {
    let target = headers.only(":path").unwrap_or_default();
    let target = target.split(|b| *b == b'#').next().unwrap_or_default();
    split_at_first(target, b'?')
}

fn name_and_value(pair: &[u8]) -> (&[u8], &[u8]) {
    split_at_first(pair, b'=')
}

fn split_at_first(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    let at = text.iter().position(|b| *b == separator).unwrap_or(text.len());
    (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default())
}

fn decoded_form(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'+') {
        return percent_decode(text).into();
    }
    let spaced: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    Cow::Owned(percent_decode(&spaced).collect())
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        pairs.iter().copied().collect()
    }

    fn texts(values: Values<'_>) -> Vec<String> {
        values.into_iter().map(|value| String::from_utf8(value.into_owned()).unwrap()).collect()
    }

    #[test]
    fn a_parameter_is_the_same_however_it_is_written() {
        for (path, values) in [
            ("/?q=a", &["a"][..]),
            ("/a?x=1&%71=%61&y", &["a"]),
            ("/?q=a&q=a&q=a", &["a"]),
            ("/?q=b&q=a", &["a", "b"]),
            ("/?x=1;q=a;y=2", &["a"]),
            ("/?q=a;x=1", &["a"]),
            ("/?q=a#q=b", &["a"]),
            ("/?q=a+b&q=a%20b", &["a b"]),
            ("/?q=a%2Bb", &["a+b"]),
            ("/?q=%2561", &["%61"]),
            ("/?q=%26q%3Db", &["&q=b"]),
            ("/?q", &[""]),
            ("/?Q=a&qq=b&x=q=c", &[]),
            ("/q=a", &[]),
            ("/", &[]),
        ] {
            assert_eq!(texts(in_query(&headers(&[(":path", path)]), "q")), values, "{path}");
        }
    }

    #[test]
    fn a_cookie_is_the_same_in_one_header_or_two_and_in_quotes() {
        for cookies in [
            &[("cookie", "sid=a")][..],
            &[("cookie", "x=1; sid=\"a\";y=2")],
            &[("cookie", "x=1"), ("cookie", "sid=a; sid = a")],
        ] {
            assert_eq!(texts(in_cookies(&headers(cookies), "sid")), ["a"], "{cookies:?}");
        }
        assert!(in_cookies(&headers(&[("cookie", "SID=a; xsid=b; y=sid=c")]), "sid").is_empty());
    }

    #[test]
    fn a_path_is_its_decoded_segments_and_a_host_has_no_case_and_no_port() {
        let of = |path: &str| {
            let headers = headers(&[(":path", path)]);
            segments(&headers).into_iter().map(Cow::into_owned).collect::<Vec<_>>()
        };
        assert_eq!(of("/a/%62?c/d"), [b"a", b"b"]);
        assert_ne!(of("/a%2Fb"), of("/a/b"));
        let host = |authority: &str| String::from_utf8(host(&headers(&[(":authority", authority)]))).unwrap();
        for authority in ["a.test", "A.TEST", "a.test:443", "a.test.", "a.test.:80"] {
            assert_eq!(host(authority), "a.test", "{authority}");
        }
        assert_eq!((host("[::1]:80"), host("[::1]")), ("[::1]".to_owned(), "[::1]".to_owned()));
    }
}
