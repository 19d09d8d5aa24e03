//! What may be done with a response (RFC 9111 sections 3, 4.1 and 4.2).

use ferrox_host::Headers;
use ferrox_policy::cache::CachePolicy;

use crate::{
    cache_control::{CacheControl, Malformed, seconds},
    request::Method,
};

/// Longest time that an answer is taken to be fresh, in seconds: a year, as in policies.
const MAX_LIFETIME: u64 = 31_536_000;

/// Statuses whose answers are stored, as far as they say how long they are fresh. All are final, and none of
/// them depends on a precondition or on who asks (RFC 9111 section 3).
const STATUSES: [u16; 6] = [200, 203, 301, 308, 404, 410];

/// Headers that belong to one connection (RFC 9110 section 7.6.1) or one proxy (RFC 9111 section 3.1).
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that tell of this one exchange: written anew for each answer, here or by another filter.
const OF_ONE_EXCHANGE: [&str; 6] =
    ["age", "cache-status", "set-cookie", "ratelimit", "ratelimit-policy", "x-request-id"];

/// What bears on storing besides the response itself.
#[derive(Debug, Clone)]
pub(crate) struct Terms<'p> {
    pub(crate) policy: &'p CachePolicy,
    pub(crate) method: Method,
    /// Whether the response must say that it may be shared (RFC 9111 section 3.5).
    pub(crate) needs_permission: bool,
}

/// The head of a response that may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Age at which it stops being fresh, in seconds.
    pub(crate) lifetime_seconds: u64,
    /// Its `Age`, in seconds; less than the lifetime.
    pub(crate) age_seconds: u64,
    /// What is stored of its headers.
    pub(crate) headers: Vec<(String, String)>,
    /// How long the body must be to be whole, in bytes, where the response says so.
    pub(crate) body_length: Option<usize>,
}

/// Why a response is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Status,
    Malformed,
    NoStore,
    Private,
    NoCache,
    SetCookie,
    Partial,
    Vary,
    NoFreshness,
    Stale,
    Authorized,
    HeaderValue,
    TooLarge,
}

impl Refusal {
    /// The reason as the `detail` of `Cache-Status` (RFC 9211 section 2.8), a token.
    pub(crate) fn detail(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Malformed => "malformed",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::NoCache => "no-cache",
            Self::SetCookie => "set-cookie",
            Self::Partial => "partial",
            Self::Vary => "vary",
            Self::NoFreshness => "no-freshness",
            Self::Stale => "stale",
            Self::Authorized => "authorized",
            Self::HeaderValue => "header-value",
            Self::TooLarge => "too-large",
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// Judges a response by its headers. Its body must still come whole, without trailers, and within the policy.
pub(crate) fn judge(response: &Headers, terms: &Terms<'_>) -> Result<Head, Refusal> {
    let status = status(response).ok_or(Refusal::Status)?;
    let control = CacheControl::parse(response.all("cache-control"))?;
    forbidden(response, &control, terms.policy)?;
    let lifetime_seconds = lifetime(status, response, &control, terms.policy)?;
    if terms.needs_permission && !["public", "s-maxage", "must-revalidate"].iter().any(|d| control.has(d)) {
        return Err(Refusal::Authorized);
    }
    let age_seconds = age(response)?;
    if age_seconds >= lifetime_seconds {
        return Err(Refusal::Stale);
    }
    let body_length = body_length(response, terms)?;
    let headers = stored_headers(response, terms.method)?;
    Ok(Head { status, lifetime_seconds, age_seconds, headers, body_length })
}

fn status(response: &Headers) -> Option<u16> {
    let status = std::str::from_utf8(response.only(":status")?).ok()?.parse().ok()?;
    STATUSES.contains(&status).then_some(status)
}

fn forbidden(response: &Headers, control: &CacheControl, policy: &CachePolicy) -> Result<(), Refusal> {
    let whole = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let refusals = [
        (control.has("no-store"), Refusal::NoStore),
        (control.has("private"), Refusal::Private),
        (control.has("no-cache"), Refusal::NoCache),
        (response.has("set-cookie"), Refusal::SetCookie),
        (response.has("content-range"), Refusal::Partial),
        (!response.all("transfer-encoding").all(whole), Refusal::Partial),
        (!varies_within(response, policy), Refusal::Vary),
    ];
    refusals.into_iter().find(|(forbids, _)| *forbids).map_or(Ok(()), |(_, refusal)| Err(refusal))
}

/// Whether the answer depends on no other request headers than those in the key (RFC 9111 section 4.1).
fn varies_within(response: &Headers, policy: &CachePolicy) -> bool {
    members(response, "vary").all(|name| policy.headers.iter().any(|known| known.as_bytes() == name))
}

/// The members of a header that is a list of tokens, in lower case.
fn members<'h>(headers: &'h Headers, name: &'h str) -> impl Iterator<Item = Vec<u8>> + 'h {
    let members = headers.all(name).flat_map(|line| line.split(|b| *b == b','));
    members.map(|member| member.trim_ascii().to_ascii_lowercase()).filter(|member| !member.is_empty())
}

/// How long the answer is fresh, in seconds (RFC 9111 section 4.2.1). `Expires` is not counted from, but who
/// sends it has spoken of freshness, so no default steps in.
fn lifetime(
    status: u16,
    response: &Headers,
    control: &CacheControl,
    policy: &CachePolicy,
) -> Result<u64, Refusal> {
    let (shared, any) = (control.seconds("s-maxage")?, control.seconds("max-age")?);
    if let Some(explicit) = shared.or(any) {
        return Ok(explicit.min(MAX_LIFETIME));
    }
    // `Pragma: no-cache` is how a server of old times says that it does not want to be cached.
    let silent = !response.has("expires") && !response.has("pragma");
    policy.default_ttl_seconds.filter(|_| status == 200 && silent).ok_or(Refusal::NoFreshness)
}

fn age(response: &Headers) -> Result<u64, Refusal> {
    if !response.has("age") {
        return Ok(0);
    }
    Ok(seconds(response.only("age").ok_or(Refusal::Malformed)?)?)
}

fn body_length(response: &Headers, terms: &Terms<'_>) -> Result<Option<usize>, Refusal> {
    if terms.method == Method::Head {
        // `Content-Length` is that of the answer to a GET (RFC 9110 section 9.3.2).
        return Ok(Some(0));
    }
    if !response.has("content-length") {
        return Ok(None);
    }
    let text = response.only("content-length").and_then(|value| std::str::from_utf8(value).ok());
    let length: usize = text.and_then(|text| text.parse().ok()).ok_or(Refusal::Malformed)?;
    if length > terms.policy.max_body_bytes {
        return Err(Refusal::TooLarge);
    }
    Ok(Some(length))
}

fn stored_headers(response: &Headers, method: Method) -> Result<Vec<(String, String)>, Refusal> {
    let named_by_connection: Vec<Vec<u8>> = members(response, "connection").collect();
    let kept = |name: &[u8]| {
        !name.starts_with(b":")
            && !name.starts_with(b"x-envoy-")
            && !HOP_BY_HOP.iter().chain(&OF_ONE_EXCHANGE).any(|left_out| left_out.as_bytes() == name)
            && !named_by_connection.iter().any(|named| named == name)
            // The body that is served has a length of its own; only HEAD speaks of one that is not there.
            && (name != b"content-length" || method == Method::Head)
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| Refusal::HeaderValue);
    response
        .iter()
        .filter(|(name, _)| kept(name))
        .map(|(name, value)| Ok((text(name)?, text(value)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_AGE: (&str, &str) = ("cache-control", "max-age=60");

    fn judge_with(status: &str, headers: &[(&str, &str)], policy: &CachePolicy) -> Result<Head, Refusal> {
        let response = [(":status", status)].iter().chain(headers).copied().collect();
        judge(&response, &Terms { policy, method: Method::Get, needs_permission: false })
    }

    fn policy() -> CachePolicy {
        ferrox_policy::parse(br#"{"headers":["accept","accept-language"],"max_body_bytes":100}"#).unwrap()
    }

    fn refusal(headers: &[(&str, &str)]) -> Option<Refusal> {
        judge_with("200", headers, &policy()).err()
    }

    fn lifetime(headers: &[(&str, &str)]) -> u64 {
        judge_with("200", headers, &policy()).unwrap().lifetime_seconds
    }

    #[test]
    fn an_explicitly_fresh_answer_is_stored() {
        for status in ["200", "203", "301", "308", "404", "410"] {
            let head = judge_with(status, &[MAX_AGE], &policy()).unwrap();
            assert_eq!((head.status.to_string().as_str(), head.lifetime_seconds), (status, 60));
        }
    }

    #[test]
    fn other_statuses_are_not_stored_however_fresh() {
        for status in ["201", "204", "206", "302", "304", "401", "403", "429", "500", "503", "", "2x0"] {
            assert_eq!(judge_with(status, &[MAX_AGE], &policy()).err(), Some(Refusal::Status), "{status}");
        }
    }

    #[test]
    fn what_forbids_storing_wins_over_freshness() {
        for (header, expected) in [
            (("cache-control", "No-Store"), Refusal::NoStore),
            (("cache-control", "private"), Refusal::Private),
            (("cache-control", "private=\"x-a\""), Refusal::Private),
            (("cache-control", "no-cache"), Refusal::NoCache),
            (("cache-control", "max-age=60"), Refusal::Malformed),
            (("cache-control", "a=\""), Refusal::Malformed),
            (("cache-control", "s-maxage=x"), Refusal::Malformed),
            (("set-cookie", "a=b"), Refusal::SetCookie),
            (("content-range", "bytes 0-1/2"), Refusal::Partial),
            (("transfer-encoding", "gzip, chunked"), Refusal::Partial),
            (("vary", "*"), Refusal::Vary),
            (("vary", "accept, cookie"), Refusal::Vary),
            (("age", "60"), Refusal::Stale),
            (("age", "x"), Refusal::Malformed),
            (("content-length", "101"), Refusal::TooLarge),
            (("content-length", "x"), Refusal::Malformed),
        ] {
            assert_eq!(refusal(&[MAX_AGE, header]), Some(expected), "{header:?}");
        }
        assert_eq!(
            refusal(&[MAX_AGE, ("content-length", "5"), ("content-length", "6")]),
            Some(Refusal::Malformed)
        );
        assert_eq!(refusal(&[MAX_AGE, ("age", "1"), ("age", "1")]), Some(Refusal::Malformed));
        assert_eq!(refusal(&[("cache-control", "max-age=0")]), Some(Refusal::Stale));
    }

    #[test]
    fn headers_in_the_key_may_vary() {
        assert_eq!(refusal(&[MAX_AGE, ("vary", "Accept"), ("vary", "accept-LANGUAGE , ")]), None);
    }

    #[test]
    fn s_maxage_is_for_us_and_max_age_for_everybody() {
        assert_eq!(lifetime(&[("cache-control", "max-age=60, s-maxage=5")]), 5);
        assert_eq!(refusal(&[("cache-control", "s-maxage=0, max-age=60")]), Some(Refusal::Stale));
        assert_eq!(lifetime(&[("cache-control", "max-age=999999999999")]), 31_536_000);
    }

    #[test]
    fn the_default_is_for_a_silent_200_only() {
        let policy = CachePolicy { default_ttl_seconds: Some(30), ..policy() };
        let lifetime = |status: &str, headers: &[(&str, &str)]| {
            judge_with(status, headers, &policy).map(|head| head.lifetime_seconds)
        };
        assert_eq!(lifetime("200", &[]), Ok(30));
        assert_eq!(lifetime("200", &[("cache-control", "public")]), Ok(30));
        assert_eq!(lifetime("200", &[MAX_AGE]), Ok(60));
        assert_eq!(lifetime("404", &[]), Err(Refusal::NoFreshness));
        assert_eq!(lifetime("200", &[("expires", "0")]), Err(Refusal::NoFreshness));
        assert_eq!(lifetime("200", &[("pragma", "no-cache")]), Err(Refusal::NoFreshness));
        assert_eq!(refusal(&[]), Some(Refusal::NoFreshness), "no default");
    }

    #[test]
    fn an_authorized_answer_is_shared_only_if_it_says_so() {
        let policy = policy();
        let judge_shared = |control: &str| {
            let response = [(":status", "200"), ("cache-control", control)].into_iter().collect();
            judge(&response, &Terms { policy: &policy, method: Method::Get, needs_permission: true }).err()
        };
        assert_eq!(judge_shared("max-age=60"), Some(Refusal::Authorized));
        assert_eq!(judge_shared("max-age=60, proxy-revalidate"), Some(Refusal::Authorized));
        for permission in ["max-age=60, public", "s-maxage=60", "max-age=60, must-revalidate"] {
            assert_eq!(judge_shared(permission), None, "{permission}");
        }
    }

    #[test]
    fn age_is_kept_and_must_leave_some_lifetime() {
        assert_eq!(judge_with("200", &[MAX_AGE, ("age", "59")], &policy()).unwrap().age_seconds, 59);
    }

    #[test]
    fn what_belongs_to_one_exchange_is_not_stored() {
        let left_out = [
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("proxy-authenticate", "Basic"),
            ("trailer", "x"),
            ("x-envoy-upstream-service-time", "3"),
            ("age", "1"),
            ("cache-status", "other; hit"),
            ("ratelimit", "\"a\";r=1"),
            ("ratelimit-policy", "\"a\";q=1"),
            ("x-request-id", "u"),
            ("content-length", "2"),
        ];
        let kept = [MAX_AGE, ("content-type", "text/plain"), ("link", "</a>"), ("link", "</b>")];
        let head = judge_with("200", &[&left_out[..], &kept].concat(), &policy()).unwrap();
        let stored: Vec<(&str, &str)> = head.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(stored, kept);
        assert_eq!(head.body_length, Some(2));
    }

    #[test]
    fn the_length_in_an_answer_to_head_is_that_of_get() {
        let policy = policy();
        let response = [(":status", "200"), MAX_AGE, ("content-length", "5000")].into_iter().collect();
        let head =
            judge(&response, &Terms { policy: &policy, method: Method::Head, needs_permission: false })
                .unwrap();
        assert_eq!(head.body_length, Some(0));
        assert!(head.headers.contains(&("content-length".to_owned(), "5000".to_owned())));
    }

    #[test]
    fn a_value_that_is_no_text_is_not_stored() {
        let raw: [(&[u8], &[u8]); 3] =
            [(b":status", b"200"), (b"cache-control", b"max-age=60"), (b"x-a", b"\xff")];
        let policy = policy();
        let terms = Terms { policy: &policy, method: Method::Get, needs_permission: false };
        assert_eq!(judge(&raw.into_iter().collect(), &terms), Err(Refusal::HeaderValue));
    }
}
