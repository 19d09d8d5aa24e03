//! Looking into the places of a request, and taking out of them what the upstream is not to see.

use std::borrow::Cow;

use ferrox_host::{Headers, Host, Side};
use ferrox_policy::auth::Place;
use percent_encoding::percent_decode;

type Found<'h> = Vec<Cow<'h, [u8]>>;

/// Every value at a place of a request.
pub(crate) fn find<'h>(headers: &'h Headers, place: &Place) -> Found<'h> {
    match (&place.header, &place.query, &place.cookie) {
        (Some(header), ..) if header == "authorization" => bearer_tokens(headers),
        (Some(header), ..) => in_header(headers, header, place.prefix.as_deref().unwrap_or_default()),
        (_, Some(name), _) => in_query(headers, name),
        (.., Some(name)) => in_cookies(headers, name),
        _ => Found::new(),
    }
}

/// Takes everything at a place out of the request as it is by now: an earlier place may have been in the same header.
pub(crate) fn clear(host: &dyn Host, place: &Place) {
    match (&place.header, &place.query, &place.cookie) {
        (Some(header), ..) => host.remove_header(Side::Request, header),
        (_, Some(name), _) => clear_query(host, &host.headers(Side::Request), name),
        (.., Some(name)) => clear_cookies(host, &host.headers(Side::Request), name),
        _ => {}
    }
}

/// What follows the scheme `Bearer` in `Authorization`. Of several such headers, or of one that Envoy joined from several,
/// each counts, whatever its scheme: an upstream might take another one than we do.
fn bearer_tokens(headers: &Headers) -> Found<'_> {
    let values: Vec<_> = headers.all("authorization").collect();
    if values.len() > 1 {
        return values.into_iter().map(Cow::Borrowed).collect();
    }
    let tokens = values.into_iter().filter_map(after_bearer);
    // No token has a comma (RFC 6750 section 2.1).
    tokens.flat_map(|tokens| tokens.split(|b| *b == b',')).map(Cow::Borrowed).collect()
}

fn after_bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, mut token) = value.split_at(value.iter().position(|b| *b == b' ').unwrap_or(value.len()));
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return None;
    }
    while let [b' ', rest @ ..] = token {
        token = rest;
    }
    Some(token)
}

fn in_header<'h>(headers: &'h Headers, name: &str, prefix: &str) -> Found<'h> {
    headers.all(name).filter_map(|value| value.strip_prefix(prefix.as_bytes())).map(Cow::Borrowed).collect()
}

fn in_query<'h>(headers: &'h Headers, name: &str) -> Found<'h> {
    let Some((_, query)) = headers.only(":path").and_then(split_query) else { return Found::new() };
    let named = query.split(|b| *b == b'&').map(name_and_value).filter(|(found, _)| is_named(found, name));
    named.map(|(_, value)| Cow::from(percent_decode(value))).collect()
}

/// Path and query of a target.
fn split_query(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = target.iter().position(|b| *b == b'?')?;
    Some((target.get(..at)?, target.get(at + 1..)?))
}

fn name_and_value(pair: &[u8]) -> (&[u8], &[u8]) {
    let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
    (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default())
}

/// However the name is written: an upstream decodes it.
fn is_named(found: &[u8], name: &str) -> bool {
    percent_decode(found).eq(name.bytes())
}

fn clear_query(host: &dyn Host, headers: &Headers, name: &str) {
    let Some((path, query)) = headers.only(":path").and_then(split_query) else { return };
    let others = query.split(|b| *b == b'&').filter(|pair| !is_named(name_and_value(pair).0, name));
    let query = others.collect::<Vec<_>>().join(&b'&');
    let target = if query.is_empty() { path.to_vec() } else { [path, b"?", &query].concat() };
    host.set_header(Side::Request, ":path", &target);
}

fn cookies(headers: &Headers) -> impl Iterator<Item = &[u8]> {
    headers.all("cookie").flat_map(|value| value.split(|b| *b == b';')).map(<[u8]>::trim_ascii)
}

fn in_cookies<'h>(headers: &'h Headers, name: &str) -> Found<'h> {
    let named = cookies(headers).map(name_and_value).filter(|(found, _)| *found == name.as_bytes());
    named.map(|(_, value)| Cow::Borrowed(unquoted(value))).collect()
}

/// A cookie's value may stand in quotes (RFC 6265 section 4.1.1).
fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

fn clear_cookies(host: &dyn Host, headers: &Headers, name: &str) {
    let others: Vec<_> = cookies(headers).filter(|pair| name_and_value(pair).0 != name.as_bytes()).collect();
    match others.is_empty() {
        true => host.remove_header(Side::Request, "cookie"),
        false => host.set_header(Side::Request, "cookie", &others.join(&b"; "[..])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrox_host::mock::MockHost;

    fn place(json: serde_json::Value) -> Place {
        serde_json::from_value(json).unwrap()
    }

    fn found(pairs: &[(&str, &str)], at: &Place) -> Vec<String> {
        let headers: Headers = pairs.iter().copied().collect();
        find(&headers, at).into_iter().map(|value| String::from_utf8(value.into_owned()).unwrap()).collect()
    }

    /// A header of a request out of which a place was cleared.
    fn cleared(pairs: &[(&str, &str)], at: &Place, header: &str) -> Vec<String> {
        let host = MockHost::default();
        host.next_stream(pairs);
        clear(&host, at);
        let headers = host.headers(Side::Request);
        headers.all(header).map(|value| String::from_utf8(value.to_vec()).unwrap()).collect()
    }

    #[test]
    fn a_bearer_token_is_found_in_any_case_and_after_any_spaces() {
        let authorization = Place::header("authorization");
        for value in ["Bearer abc", "bearer abc", "BEARER   abc"] {
            assert_eq!(found(&[("authorization", value)], &authorization), ["abc"], "{value}");
        }
        assert_eq!(found(&[("authorization", "Bearer")], &authorization), [""]);
        for value in ["Basic abc", "Bearer2 abc", "Bearerabc", "Bearer\tabc", ""] {
            assert!(found(&[("authorization", value)], &authorization).is_empty(), "{value}");
        }
    }

    #[test]
    fn of_several_authorizations_each_counts() {
        let authorization = Place::header("authorization");
        let two = [("authorization", "Bearer a"), ("authorization", "Basic b")];
        assert_eq!(found(&two, &authorization).len(), 2);
        assert_eq!(found(&[("authorization", "Bearer a,Basic b")], &authorization).len(), 2);
    }

    #[test]
    fn a_header_can_have_a_prefix() {
        let at = place(serde_json::json!({"header": "x-token", "prefix": "Token "}));
        assert_eq!(found(&[("x-token", "Token abc"), ("x-token", "token abc")], &at), ["abc"]);
        assert_eq!(found(&[("x-token", "abc")], &Place::header("x-token")), ["abc"]);
        assert!(cleared(&[("x-token", "Token abc")], &at, "x-token").is_empty());
    }

    #[test]
    fn a_parameter_is_found_however_it_is_written() {
        let at = place(serde_json::json!({"query": "key"}));
        for (path, values) in [
            ("/?key=a", &["a"][..]),
            ("/a?b=c&key=a%2Bb&d", &["a+b"]),
            ("/?%6Bey=a&key=b", &["a", "b"]),
            ("/?key", &[""]),
            ("/?key=a=b?c", &["a=b?c"]),
            ("/?Key=a&keys=b&akey=c", &[]),
            ("/key=a", &[]),
            ("/", &[]),
        ] {
            assert_eq!(found(&[(":path", path)], &at), values, "{path}");
        }
    }

    #[test]
    fn a_parameter_is_taken_out_and_the_others_stay_as_they_are() {
        let at = place(serde_json::json!({"query": "key"}));
        for (path, left) in [
            ("/a?key=a", "/a"),
            ("/a?b=%20c&key=a&d&%6bey=b", "/a?b=%20c&d"),
            ("/a?b", "/a?b"),
            ("/a?", "/a"),
            ("/a", "/a"),
        ] {
            assert_eq!(cleared(&[(":path", path)], &at, ":path"), [left], "{path}");
        }
    }

    #[test]
    fn a_cookie_is_found_and_taken_out() {
        let at = place(serde_json::json!({"cookie": "token"}));
        let two = [("cookie", "a=b; token=abc;c=d"), ("cookie", "token=\"def\"")];
        assert_eq!(found(&two, &at), ["abc", "def"]);
        assert_eq!(cleared(&two, &at, "cookie"), ["a=b; c=d"]);
        assert!(found(&[("cookie", "Token=a; xtoken=b")], &at).is_empty());
        assert!(cleared(&[("cookie", "token=abc")], &at, "cookie").is_empty());
    }
}
