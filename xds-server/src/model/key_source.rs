//! Where the keys of a provider are fetched.

use std::time::Duration;

use axum::http::Uri;
use ferrox_policy::auth::Algorithm;

use super::problem::RowCheck;
use crate::store::JwtProviderRow;

/// What an issuer's own configuration is found below (OpenID Connect Discovery 1.0 section 4).
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Where the keys of a provider are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySource {
    /// Name of the provider.
    pub provider: String,
    /// The URL that is fetched first.
    pub url: String,
    /// With discovery: the issuer that the document at `url` must be of; it says where the keys are.
    pub issuer: Option<String>,
    /// How often, unless the answer says otherwise.
    pub refresh: Duration,
    /// What the provider may use; none: whatever its keys say.
    pub algorithms: Vec<Algorithm>,
}

impl KeySource {
    /// The URL without its query, which may hold a secret.
    #[must_use]
    pub fn shown_url(&self) -> &str {
        shown(&self.url)
    }
}

/// A URL without its query.
pub(crate) fn shown(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

/// Where a row says that its keys come from.
pub(super) enum Origin {
    /// The row itself.
    Inline(serde_json::Value),
    /// A URL.
    Fetched(KeySource),
}

impl Origin {
    pub(super) fn parse(
        row: &JwtProviderRow,
        algorithms: &[Algorithm],
        check: &mut RowCheck<'_>,
    ) -> Option<Self> {
        let refresh = check.number("jwks_refresh_seconds", row.jwks_refresh_seconds, 10..=86_400);
        let (field, url, issuer) = match (&row.jwks, &row.jwks_uri, row.discovery) {
            (Some(jwks), None, false) => return Some(Self::Inline(jwks.clone())),
            (None, Some(url), false) => ("jwks_uri", url.clone(), None),
            (None, None, true) => {
                // Section 4.1: a slash at the end is left out.
                let below = row.issuer.strip_suffix('/').unwrap_or(&row.issuer);
                ("issuer", format!("{below}{WELL_KNOWN}"), Some(row.issuer.clone()))
            }
            _ => {
                check.refuse("jwks", "needs one of jwks, jwks_uri and discovery");
                return None;
            }
        };
        check.keep(field, check_url(&url))?;
        Some(Self::Fetched(KeySource {
            provider: row.name.clone(),
            url,
            issuer,
            refresh: Duration::from_secs(refresh?.into()),
            algorithms: algorithms.to_vec(),
        }))
    }
}

/// Whether something can be fetched from a URL. A password has no place in one: it would be shown in logs.
pub(crate) fn check_url(url: &str) -> Result<(), String> {
    let refused =
        || "must be a URL that begins with https:// (or http://, for loopback and tests)".to_owned();
    let uri: Uri = url.parse().map_err(|_| refused())?;
    let (Some("https" | "http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(refused());
    };
    if authority.host().is_empty() {
        return Err(refused());
    }
    if authority.as_str().contains('@') || url.contains('#') {
        return Err("must have no user name, password or fragment".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Problem, sample::provider};

    fn parsed(change: impl FnOnce(&mut JwtProviderRow)) -> Result<KeySource, Vec<Problem>> {
        let mut row = JwtProviderRow { jwks: None, ..provider("id", "https://id.test/") };
        change(&mut row);
        let mut problems = Vec::new();
        match Origin::parse(&row, &[], &mut RowCheck::new("jwt_providers", &row.name, &mut problems)) {
            Some(Origin::Fetched(source)) => Ok(source),
            _ => Err(problems),
        }
    }

    #[test]
    fn keys_come_from_a_url_or_from_where_the_issuer_says() {
        let source = parsed(|row| row.jwks_uri = Some("https://id.test/keys?v=1".to_owned())).unwrap();
        assert_eq!((source.url.as_str(), source.issuer), ("https://id.test/keys?v=1", None));
        let source = parsed(|row| row.discovery = true).unwrap();
        assert_eq!(source.url, "https://id.test/.well-known/openid-configuration");
        assert_eq!(source.issuer.as_deref(), Some("https://id.test/"));
    }

    #[test]
    fn they_come_from_one_place() {
        for both in [true, false] {
            let problems = parsed(|row| {
                row.discovery = both;
                row.jwks_uri = both.then(|| "https://id.test".to_owned());
            });
            assert_eq!(problems.unwrap_err()[0].reason, "needs one of jwks, jwks_uri and discovery");
        }
    }

    #[test]
    fn what_cannot_be_fetched_is_refused() {
        for url in [
            "",
            "id.test",
            "/keys",
            "ftp://id.test",
            "https://",
            "https://u:p@id.test/",
            "https://id.test/#a",
            "https://a b",
        ] {
            assert_eq!(
                parsed(|row| row.jwks_uri = Some(url.to_owned())).unwrap_err()[0].field,
                "jwks_uri",
                "{url}"
            );
        }
        let problems = parsed(|row| {
            row.discovery = true;
            row.issuer = "id.test".to_owned();
        });
        assert_eq!(problems.unwrap_err()[0].field, "issuer");
        let problems = parsed(|row| {
            row.discovery = true;
            row.jwks_refresh_seconds = 9;
        });
        assert_eq!(problems.unwrap_err()[0].field, "jwks_refresh_seconds");
    }
}
