//! What a request brings, as bytes; nothing is verified here.

use ferrox_host::Headers;
use ferrox_policy::auth::AuthPolicy;

use crate::denial::Denial;

/// Longest token in bytes. Longer ones are refused before anything is computed on them.
const MAX_TOKEN: usize = 8 << 10;

/// The credentials in a request that its policy accepts; others are not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Credentials<'h> {
    /// The bearer token (RFC 6750 section 2.1).
    pub(crate) token: Option<&'h [u8]>,
    /// The API key.
    pub(crate) api_key: Option<&'h [u8]>,
}

impl<'h> Credentials<'h> {
    /// Takes what the policy accepts out of a request's headers.
    pub(crate) fn read(headers: &'h Headers, policy: &AuthPolicy) -> Result<Self, Denial> {
        let token = match &policy.jwt {
            Some(_) => bearer_token(headers)?,
            None => None,
        };
        let api_key = match &policy.api_key {
            Some(accept) => at_most_one(headers, &accept.header, Denial::SeveralApiKeys)?,
            None => None,
        };
        Ok(Self { token, api_key })
    }
}

fn bearer_token(headers: &Headers) -> Result<Option<&[u8]>, Denial> {
    let Some(value) = at_most_one(headers, "authorization", Denial::SeveralTokens)? else {
        return Ok(None);
    };
    let (scheme, mut token) = value.split_at(value.iter().position(|b| *b == b' ').unwrap_or(value.len()));
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Ok(None);
    }
    while let [b' ', rest @ ..] = token {
        token = rest;
    }
    // Envoy has joined several Authorization headers into one by now; no token has a comma (RFC 6750 section 2.1).
    if token.contains(&b',') {
        return Err(Denial::SeveralTokens);
    }
    if token.len() > MAX_TOKEN {
        return Err(Denial::Malformed);
    }
    Ok(Some(token))
}

fn at_most_one<'h>(headers: &'h Headers, name: &str, several: Denial) -> Result<Option<&'h [u8]>, Denial> {
    let mut values = headers.all(name);
    let first = values.next();
    if values.next().is_some() {
        return Err(several);
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrox_policy::auth::{AcceptApiKey, AcceptJwt};

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        pairs.iter().copied().collect()
    }

    fn policy(jwt: bool, api_key: bool) -> AuthPolicy {
        AuthPolicy {
            jwt: jwt.then(AcceptJwt::default),
            api_key: api_key.then(AcceptApiKey::default),
            ..AuthPolicy::default()
        }
    }

    #[test]
    fn a_bearer_token_is_taken_in_any_case_and_after_any_spaces() {
        for value in ["Bearer abc", "bearer abc", "BEARER   abc"] {
            assert_eq!(bearer_token(&headers(&[("authorization", value)])), Ok(Some(&b"abc"[..])), "{value}");
        }
        assert_eq!(bearer_token(&headers(&[("authorization", "Bearer")])), Ok(Some(&b""[..])));
    }

    #[test]
    fn another_scheme_is_no_token() {
        for value in ["Basic abc", "Bearer2 abc", "Bearerabc", "Bearer\tabc", ""] {
            assert_eq!(bearer_token(&headers(&[("authorization", value)])), Ok(None), "{value}");
        }
    }

    #[test]
    fn several_are_refused_even_where_only_one_is_a_token() {
        let two = headers(&[("authorization", "Bearer a"), ("authorization", "Basic b")]);
        assert_eq!(Credentials::read(&two, &policy(true, true)), Err(Denial::SeveralTokens));
        let joined = headers(&[("authorization", "Bearer a,Basic b")]);
        assert_eq!(Credentials::read(&joined, &policy(true, true)), Err(Denial::SeveralTokens));
        let two = headers(&[("x-api-key", "a"), ("x-api-key", "a")]);
        assert_eq!(Credentials::read(&two, &policy(true, true)), Err(Denial::SeveralApiKeys));
    }

    #[test]
    fn a_token_over_the_limit_is_refused() {
        let bearer = |length: usize| headers(&[("authorization", &format!("Bearer {}", "a".repeat(length)))]);
        assert!(bearer_token(&bearer(MAX_TOKEN)).is_ok());
        assert_eq!(bearer_token(&bearer(MAX_TOKEN + 1)), Err(Denial::Malformed));
    }

    #[test]
    fn what_the_policy_does_not_accept_is_not_looked_at() {
        let both = headers(&[("authorization", "Bearer a"), ("authorization", "x"), ("x-api-key", "k")]);
        let only_key = Credentials { token: None, api_key: Some(&b"k"[..]) };
        assert_eq!(Credentials::read(&both, &policy(false, true)), Ok(only_key));
        let both = headers(&[("authorization", "Bearer a"), ("x-api-key", "k"), ("x-api-key", "l")]);
        let only_token = Credentials { token: Some(&b"a"[..]), api_key: None };
        assert_eq!(Credentials::read(&both, &policy(true, false)), Ok(only_token));
    }
}
