//! What the server of an issuer's keys answered.

use ferrox_host::{CallOutcome, Headers};
use ferrox_policy::auth::https_parts;
use serde::Deserialize;

use super::plan::Millis;
use crate::key_set::Unusable;

/// Longest answer that is read, in bytes. 32 RSA keys with their certificates stay below it.
const MOST_BYTES: usize = 256 << 10;

/// Why keys could not be fetched.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    #[error("Envoy refuses calls to cluster '{0}'")]
    Refused(String),
    #[error("the answer was cut off")]
    Reset,
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("the answer has more than {MOST_BYTES} bytes")]
    TooLarge,
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error("the answer is no OpenID Connect discovery document with issuer and jwks_uri")]
    NoDiscovery,
    #[error("the discovery document is of another issuer")]
    OtherIssuer,
    #[error("the discovery document's jwks_uri is no https://host/path")]
    NoUri,
    #[error("the discovery document's jwks_uri has another host, for which there is no jwks_cluster")]
    OtherHost,
}

/// An answer that may be what was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    /// How long it lasts, if it says so.
    pub(super) lasts: Option<Millis>,
}

impl Answer {
    pub(super) fn of(outcome: CallOutcome) -> Result<Self, Trouble> {
        match outcome {
            CallOutcome::Reset => Err(Trouble::Reset),
            CallOutcome::Answered { status: 200, body, .. } if body.len() > MOST_BYTES => {
                Err(Trouble::TooLarge)
            }
            CallOutcome::Answered { status: 200, body, headers } => {
                Ok(Self { body, lasts: max_age(&headers) })
            }
            CallOutcome::Answered { status, .. } => Err(Trouble::Status(status)),
        }
    }
}

/// `max-age` (RFC 9111 section 5.2.2.1), within 30 seconds and a day.
fn max_age(headers: &Headers) -> Option<Millis> {
    let values = headers.all("cache-control").filter_map(|value| std::str::from_utf8(value).ok());
    let mut directives = values.flat_map(|value| value.split(',')).filter_map(|part| part.split_once('='));
    let (_, seconds) = directives.find(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"))?;
    let seconds: u64 = seconds.trim().trim_matches('"').parse().ok()?;
    Some(seconds.clamp(30, 86_400) * 1_000)
}

/// OpenID Connect Discovery 1.0 section 4.2.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// Where the keys are, by a discovery document of an issuer that stands at this authority.
pub(super) fn jwks_uri(
    document: &[u8],
    issuer: &str,
    authority: &str,
    may_be_elsewhere: bool,
) -> Result<String, Trouble> {
    let document: Discovery = serde_json::from_slice(document).map_err(|_| Trouble::NoDiscovery)?;
    // Section 4.3: exactly, or another issuer's keys would verify this one's tokens.
    if document.issuer != issuer {
        return Err(Trouble::OtherIssuer);
    }
    match https_parts(&document.jwks_uri) {
        None => Err(Trouble::NoUri),
        Some((host, _)) if !may_be_elsewhere && !host.eq_ignore_ascii_case(authority) => {
            Err(Trouble::OtherHost)
        }
        Some(_) => Ok(document.jwks_uri),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lasts(cache_control: &[&str]) -> Option<Millis> {
        let headers = cache_control.iter().map(|value| ("cache-control", *value)).collect();
        Answer::of(CallOutcome::Answered { status: 200, headers, body: Vec::new() }).unwrap().lasts
    }

    #[test]
    fn an_answer_says_how_long_it_lasts_within_bounds() {
        assert_eq!(lasts(&["public, max-age=600"]), Some(600_000));
        assert_eq!(lasts(&["public", "Max-Age=\"600\""]), Some(600_000));
        assert_eq!(lasts(&["max-age=0"]), Some(30_000));
        assert_eq!(lasts(&["max-age=99999999"]), Some(86_400_000));
        for other in ["", "no-store", "max-age", "max-age=-1", "s-maxage=600"] {
            assert_eq!(lasts(&[other]), None, "{other}");
        }
    }

    #[test]
    fn an_answer_that_is_none_is_told() {
        let answered =
            |status, body| Answer::of(CallOutcome::Answered { status, headers: Headers::default(), body });
        assert_eq!(Answer::of(CallOutcome::Reset), Err(Trouble::Reset));
        for status in [204, 301, 404, 503] {
            assert_eq!(answered(status, Vec::new()), Err(Trouble::Status(status)));
        }
        assert!(answered(200, vec![b' '; MOST_BYTES]).is_ok());
        assert_eq!(answered(200, vec![b' '; MOST_BYTES + 1]), Err(Trouble::TooLarge));
    }

    #[test]
    fn a_discovery_document_must_be_the_issuers_and_lead_to_its_host() {
        let find = |issuer: &str, uri: &str, may_be_elsewhere: bool| {
            let document = serde_json::json!({"issuer": issuer, "jwks_uri": uri, "more": []}).to_string();
            jwks_uri(document.as_bytes(), "https://id.example", "id.example", may_be_elsewhere)
        };
        let (issuer, here) = ("https://id.example", "https://id.example/keys");
        assert_eq!(find(issuer, here, false), Ok(here.to_owned()));
        assert_eq!(find("https://id.example/", here, false), Err(Trouble::OtherIssuer));
        assert_eq!(find(issuer, "http://id.example/keys", true), Err(Trouble::NoUri));
        let elsewhere = "https://keys.example/keys";
        assert_eq!(find(issuer, elsewhere, false), Err(Trouble::OtherHost));
        assert_eq!(find(issuer, elsewhere, true), Ok(elsewhere.to_owned()));
        assert_eq!(jwks_uri(b"<html>", issuer, "id.example", false), Err(Trouble::NoDiscovery));
    }
}
