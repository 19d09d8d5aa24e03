//! Why a request is refused.

/// What was wrong with a request's credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Denial {
    /// Nothing was brought that the policy accepts.
    Missing,
    /// Several `Authorization` headers: an upstream might take another one than we do.
    SeveralTokens,
    /// Several API keys, likewise.
    SeveralApiKeys,
    /// No JWT in compact form, or claims of the wrong type.
    Malformed,
    /// The token's header has `crit`.
    CriticalHeader,
    /// `alg` is none that we verify, `none` among them.
    UnsupportedAlgorithm,
    /// No `iss`, or none whose tokens the policy accepts.
    UnknownIssuer,
    /// The issuer has no key of that `kid` and `alg`.
    UnknownKey,
    /// Nobody knows the issuer's keys yet.
    KeysUnavailable,
    /// No key of the issuer made the signature.
    BadSignature,
    /// Wrong signatures took all the time that they may take, so this one was not verified.
    TooManyInvalid,
    /// No `exp`: a token that is good for ever cannot be taken back.
    NoExpiry,
    /// `exp` is over.
    Expired,
    /// `nbf` or `iat` is yet to come.
    NotYetValid,
    /// `aud` is somebody else.
    WrongAudience,
    /// `sub` or a scope cannot travel as a header value without changing its meaning.
    UnusableClaim,
    /// No consumer holds that API key.
    UnknownApiKey,
    /// The API key begins like one of ours, and is none: mistyped, or cut off. Or it is too long.
    MalformedApiKey,
    /// The API key was switched off.
    DisabledApiKey,
    /// The API key is not good yet.
    EarlyApiKey,
    /// The API key is no longer good.
    ExpiredApiKey,
    /// The API key is good for other routes.
    WrongRoute,
    /// The token's life is longer than its issuer's may be, or unknown.
    LivesTooLong,
    /// A claim is not what every token of the issuer must have.
    WrongClaim,
    /// Taken back before it expired.
    Revoked,
    /// Verified, but without a scope that is needed.
    MissingScope,
    /// Verified, but a claim is not what is needed.
    MissingClaim,
}

impl Denial {
    /// All of them.
    pub(crate) const ALL: [Self; 27] = [
        Self::Missing,
        Self::SeveralTokens,
        Self::SeveralApiKeys,
        Self::Malformed,
        Self::CriticalHeader,
        Self::UnsupportedAlgorithm,
        Self::UnknownIssuer,
        Self::UnknownKey,
        Self::KeysUnavailable,
        Self::BadSignature,
        Self::TooManyInvalid,
        Self::NoExpiry,
        Self::Expired,
        Self::NotYetValid,
        Self::WrongAudience,
        Self::UnusableClaim,
        Self::UnknownApiKey,
        Self::MalformedApiKey,
        Self::DisabledApiKey,
        Self::EarlyApiKey,
        Self::ExpiredApiKey,
        Self::WrongRoute,
        Self::LivesTooLong,
        Self::WrongClaim,
        Self::Revoked,
        Self::MissingScope,
        Self::MissingClaim,
    ];

    /// The status of the answer: 403 where the client is known and may not do this, 503 where it is not its fault.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::MissingScope | Self::MissingClaim | Self::WrongRoute => 403,
            Self::KeysUnavailable | Self::TooManyInvalid => 503,
            _ => 401,
        }
    }

    /// The name in statistics and logs.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::SeveralTokens => "several_tokens",
            Self::SeveralApiKeys => "several_api_keys",
            Self::Malformed => "malformed",
            Self::CriticalHeader => "critical_header",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::UnknownIssuer => "unknown_issuer",
            Self::UnknownKey => "unknown_key",
            Self::KeysUnavailable => "keys_unavailable",
            Self::BadSignature => "bad_signature",
            Self::TooManyInvalid => "too_many_invalid",
            Self::NoExpiry => "no_expiry",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongAudience => "wrong_audience",
            Self::UnusableClaim => "unusable_claim",
            Self::UnknownApiKey => "unknown_api_key",
            Self::MalformedApiKey => "malformed_api_key",
            Self::DisabledApiKey => "disabled_api_key",
            Self::EarlyApiKey => "not_yet_valid_api_key",
            Self::ExpiredApiKey => "expired_api_key",
            Self::WrongRoute => "wrong_route",
            Self::LivesTooLong => "lives_too_long",
            Self::WrongClaim => "wrong_claim",
            Self::Revoked => "revoked",
            Self::MissingScope => "missing_scope",
            Self::MissingClaim => "missing_claim",
        }
    }

    /// A sentence for the client's developer, in the characters of an `error_description` (RFC 6750 section 3).
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Missing => "This route needs credentials.",
            Self::SeveralTokens => "The request has several Authorization headers.",
            Self::SeveralApiKeys => "The request has several API keys.",
            Self::Malformed => "The token is no JWT in compact form with claims of the registered types.",
            Self::CriticalHeader => "The token has critical header parameters, and none is supported.",
            Self::UnsupportedAlgorithm => "The token's alg is none that is supported.",
            Self::UnknownIssuer => "This route does not accept tokens of the token's issuer.",
            Self::UnknownKey => "The issuer has no key of the token's kid and alg.",
            Self::KeysUnavailable => "The keys of the token's issuer are not known yet.",
            Self::BadSignature => "The token's signature is wrong.",
            Self::TooManyInvalid => "Too many invalid tokens came, so this one was not verified.",
            Self::NoExpiry => "The token has no exp.",
            Self::Expired => "The token has expired.",
            Self::NotYetValid => "The token is not valid yet.",
            Self::WrongAudience => "The token is meant for another audience.",
            Self::UnusableClaim => "The token's sub or scopes hold characters that cannot be passed on.",
            Self::UnknownApiKey => "The API key is not known.",
            Self::MalformedApiKey => "The API key is incomplete or mistyped.",
            Self::DisabledApiKey => "The API key is disabled.",
            Self::EarlyApiKey => "The API key is not valid yet.",
            Self::ExpiredApiKey => "The API key has expired.",
            Self::WrongRoute => "The API key is not meant for this route.",
            Self::LivesTooLong => "The token lives longer than tokens of its issuer may.",
            Self::WrongClaim => "A claim of the token is not what tokens of its issuer must have.",
            Self::Revoked => "The token was revoked.",
            Self::MissingScope => "The credentials lack a scope that this route needs.",
            Self::MissingClaim => "The token lacks a claim that this route needs.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_denial_has_a_reason_of_its_own() {
        let reasons: HashSet<_> = Denial::ALL.iter().map(|denial| denial.reason()).collect();
        assert_eq!(reasons.len(), Denial::ALL.len());
    }

    #[test]
    fn descriptions_fit_into_a_quoted_string() {
        for denial in Denial::ALL {
            let allowed = |b: u8| (b.is_ascii_graphic() || b == b' ') && b != b'"' && b != b'\\';
            assert!(denial.description().bytes().all(allowed), "{denial:?}");
        }
    }
}
