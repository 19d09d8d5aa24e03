//! What may be done for a request (RFC 9111 sections 3, 4 and 5.2.1).

use ferrox_host::Headers;

use crate::cache_control::CacheControl;

/// The methods that are cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
}

impl Method {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
        }
    }
}

/// What a request asks for: the parts of it that every key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target<'h> {
    pub(crate) method: Method,
    pub(crate) scheme: &'h [u8],
    pub(crate) authority: &'h [u8],
    /// Path and query.
    pub(crate) path: &'h [u8],
}

impl<'h> Target<'h> {
    /// `None` for a method that is not cached and for a request whose target is missing or ambiguous.
    pub(crate) fn of(headers: &'h Headers) -> Option<Self> {
        let method = match headers.only(":method")? {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            _ => return None,
        };
        Some(Self {
            method,
            scheme: headers.only(":scheme")?,
            authority: headers.only(":authority")?,
            path: headers.only(":path")?,
        })
    }
}

/// What the cache does for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Not look it up, but store its answer.
    Refresh,
    /// Look it up, and store its answer if there is no entry to serve.
    LookUp(LookUp),
    /// Refuse it: it wants a stored answer only, and none that is stored.
    Unsatisfiable,
}

/// On what terms an entry may be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LookUp {
    /// Oldest age that the client takes, in seconds.
    pub(crate) max_age: Option<u64>,
    /// The client wants no answer from the upstream (RFC 9111 section 5.2.1.7).
    pub(crate) only_if_cached: bool,
}

/// Headers of a request whose answer is not the plain representation that the key stands for, or is for the
/// origin alone to judge: parts (RFC 9110 section 14), other protocols, preconditions that no cache can evaluate (RFC
/// 9111 section 4.3.2). A conditional `GET` with `If-None-Match` or `If-Modified-Since` is served in full, which
/// is always right.
const NOT_FOR_A_CACHE: [&str; 5] = ["range", "if-range", "if-match", "if-unmodified-since", "upgrade"];

/// Decides by the request's headers and whether they are all of it, for a [`Target`] that is cached. `None`: the cache
/// does nothing, neither look it up nor store its answer.
pub(crate) fn decide(headers: &Headers, end_of_stream: bool) -> Option<Use> {
    // Envoy turns a local reply to a gRPC request into gRPC trailers, so no entry could be served as it was stored.
    let grpc = headers.all("content-type").any(|value| value.starts_with(b"application/grpc"));
    if !end_of_stream || grpc || NOT_FOR_A_CACHE.iter().any(|name| headers.has(name)) {
        return None;
    }
    let control = CacheControl::parse(headers.all("cache-control")).ok()?;
    (!control.has("no-store")).then(|| wish(headers, &control))
}

fn wish(headers: &Headers, control: &CacheControl) -> Use {
    let only_if_cached = control.has("only-if-cached");
    // A limit that nobody can read is the strictest one.
    let max_age = control.seconds("max-age").unwrap_or(Some(0));
    let refresh = control.has("no-cache") || max_age == Some(0) || pragma_no_cache(headers);
    match (refresh, only_if_cached) {
        (true, true) => Use::Unsatisfiable,
        (true, false) => Use::Refresh,
        (false, _) => Use::LookUp(LookUp { max_age, only_if_cached }),
    }
}

/// `Pragma: no-cache` counts only without `Cache-Control` (RFC 9111 section 5.4).
fn pragma_no_cache(headers: &Headers) -> bool {
    let no_cache =
        |line: &[u8]| line.split(|b| *b == b',').any(|d| d.trim_ascii().eq_ignore_ascii_case(b"no-cache"));
    !headers.has("cache-control") && headers.all("pragma").any(no_cache)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide_with(headers: &[(&str, &str)]) -> Option<Use> {
        decide(&headers.iter().copied().collect(), true)
    }

    fn look_up(max_age: Option<u64>, only_if_cached: bool) -> Option<Use> {
        Some(Use::LookUp(LookUp { max_age, only_if_cached }))
    }

    #[test]
    fn a_plain_request_is_looked_up() {
        assert_eq!(decide_with(&[]), look_up(None, false));
        assert_eq!(decide_with(&[("if-none-match", "\"a\"")]), look_up(None, false));
    }

    #[test]
    fn what_no_cache_can_answer_is_bypassed() {
        for header in [
            ("cache-control", "no-store"),
            ("cache-control", "max-age=5, NO-STORE"),
            ("cache-control", "max-age =5"),
            ("range", "bytes=0-1"),
            ("if-range", "\"a\""),
            ("if-match", "\"a\""),
            ("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("upgrade", "websocket"),
            ("content-type", "application/grpc+proto"),
        ] {
            assert_eq!(decide_with(&[header]), None, "{header:?}");
        }
        assert_eq!(decide(&Headers::default(), false), None, "a body");
    }

    #[test]
    fn a_client_can_refuse_stored_answers() {
        for header in [
            ("cache-control", "no-cache"),
            ("cache-control", "max-age=0"),
            ("cache-control", "max-age=x"),
            ("cache-control", "max-age=1, max-age=9"),
            ("pragma", "x, No-Cache"),
        ] {
            assert_eq!(decide_with(&[header]), Some(Use::Refresh), "{header:?}");
        }
        assert_eq!(decide_with(&[("cache-control", "no-cache, only-if-cached")]), Some(Use::Unsatisfiable));
    }

    #[test]
    fn pragma_means_nothing_beside_cache_control() {
        assert_eq!(
            decide_with(&[("cache-control", "max-age=9"), ("pragma", "no-cache")]),
            look_up(Some(9), false)
        );
    }

    #[test]
    fn a_client_can_limit_the_age_and_refuse_the_upstream() {
        assert_eq!(decide_with(&[("cache-control", "max-age=9")]), look_up(Some(9), false));
        assert_eq!(decide_with(&[("cache-control", "only-if-cached")]), look_up(None, true));
    }

    #[test]
    fn a_target_must_be_there_once() {
        let all = [(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "/")];
        assert!(Target::of(&all.into_iter().collect()).is_some());
        for (index, (name, value)) in all.into_iter().enumerate() {
            let without = all.into_iter().enumerate().filter(|(i, _)| *i != index).map(|(_, header)| header);
            assert_eq!(Target::of(&without.collect()), None, "no {name}");
            let twice = all.into_iter().chain([(name, value)]);
            assert_eq!(Target::of(&twice.collect()), None, "two of {name}");
        }
    }

    #[test]
    fn other_methods_have_no_target() {
        for method in ["POST", "get", "OPTIONS", ""] {
            let headers = [(":method", method), (":scheme", "http"), (":authority", "h"), (":path", "/")];
            assert_eq!(Target::of(&headers.into_iter().collect()), None, "{method}");
        }
    }
}
