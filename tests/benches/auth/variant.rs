//! What is measured.

use ferrox_testbed::bench::{choice, table::Beside};

/// One way to serve a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Variant {
    pub(crate) name: String,
    /// What stands before the router.
    pub(crate) filter: Filter,
    pub(crate) brings: Brings,
    /// What it is compared with.
    pub(crate) beside: Option<Beside>,
}

/// A filter of Envoy's chain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Filter {
    None,
    /// A wasm filter that does nothing.
    Empty,
    JwtAuthn(JwtAuthn),
    ApiKeyAuth,
    Ferrox {
        consumers: usize,
    },
    /// The auth filter where Envoy has no `verify_signature`.
    FerroxAllInWasm,
}

/// How `jwt_authn` is configured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum JwtAuthn {
    Plain,
    /// With `jwt_cache_config`.
    Caching,
    /// Caching, and it tells the upstream what auth does, by `claim_to_headers` and `payload_in_metadata`.
    Telling,
}

/// What a request brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Brings {
    Nothing,
    /// One of a few tokens.
    KnownToken,
    /// A token of an algorithm that was not seen before, or so long ago that nobody remembers.
    FreshToken(&'static str),
    /// The same with a wrong signature.
    WrongToken(&'static str),
    ApiKey,
}

impl Brings {
    /// The status of the answer where there is a filter that does something.
    pub(crate) fn is_right(self) -> bool {
        !matches!(self, Self::Nothing | Self::WrongToken(_))
    }
}

impl Variant {
    fn new(name: impl Into<String>, filter: Filter, brings: Brings) -> Self {
        Self { name: name.into(), filter, brings, beside: None }
    }

    fn beside(self, name: &'static str, aim: f64) -> Self {
        Self { beside: Some(Beside { name, aim }), ..self }
    }

    /// The statuses that the answer may have: auth verifies only so many wrong tokens, and refuses others unseen.
    pub(crate) fn statuses(&self) -> &'static [u16] {
        let lets_all_pass = matches!(self.filter, Filter::None | Filter::Empty);
        match (self.filter, self.brings) {
            _ if lets_all_pass || self.brings.is_right() => &[200],
            (Filter::Ferrox { .. }, Brings::WrongToken(_)) => &[401, 503],
            _ => &[401],
        }
    }
}

impl choice::Variant for Variant {
    fn name(&self) -> &str {
        &self.name
    }

    fn beside(&self) -> Vec<&'static str> {
        self.beside.iter().map(|beside| beside.name).collect()
    }
}

pub(crate) const BARE: &str = "bare proxy";

const FERROX: Filter = Filter::Ferrox { consumers: 1 };
const JWT_CACHE: &str = "jwt_authn, jwt_cache_config";
const JWT_RS256: &str = "jwt_authn, RS256";
const JWT_ES256: &str = "jwt_authn, ES256";
const API_KEY: &str = "api_key_auth";

/// Everything, for the comparison.
pub(crate) fn all() -> Vec<Variant> {
    use Brings::{ApiKey, FreshToken, KnownToken, Nothing, WrongToken};
    let jwt_authn = Filter::JwtAuthn(JwtAuthn::Plain);
    let wrong = ["RS256", "ES256", "PS256", "EdDSA", "HS256"]
        .map(|name| Variant::new(format!("auth, wrong {name}"), FERROX, WrongToken(name)));
    let others = [
        Variant::new(BARE, Filter::None, KnownToken),
        Variant::new("empty wasm filter", Filter::Empty, KnownToken),
        Variant::new(JWT_CACHE, Filter::JwtAuthn(JwtAuthn::Caching), KnownToken),
        Variant::new("the same, telling the upstream", Filter::JwtAuthn(JwtAuthn::Telling), KnownToken),
        Variant::new("auth, remembered token", FERROX, KnownToken).beside(JWT_CACHE, 1.25),
        Variant::new(JWT_RS256, jwt_authn, FreshToken("RS256")),
        Variant::new("auth, fresh RS256", FERROX, FreshToken("RS256")).beside(JWT_RS256, 1.5),
        Variant::new(JWT_ES256, jwt_authn, FreshToken("ES256")),
        Variant::new("auth, fresh ES256", FERROX, FreshToken("ES256")).beside(JWT_ES256, 1.5),
        Variant::new(API_KEY, Filter::ApiKeyAuth, ApiKey),
        Variant::new("auth, API key of 1", FERROX, ApiKey).beside(API_KEY, 1.4),
        Variant::new("auth, API key of 1000", Filter::Ferrox { consumers: 1000 }, ApiKey)
            .beside(API_KEY, 1.4),
        Variant::new("jwt_authn, no token", jwt_authn, Nothing),
        Variant::new("auth, no token", FERROX, Nothing),
        Variant::new("jwt_authn, wrong RS256", jwt_authn, WrongToken("RS256")),
    ];
    others.into_iter().chain(wrong).collect()
}

const ALGORITHMS: [&str; 12] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "HS256", "HS384",
    "HS512",
];

/// A token that is remembered, and fresh ones of each algorithm, with Envoy's help and without.
pub(crate) fn of_algorithms() -> Vec<Variant> {
    let remembered = Variant::new(REMEMBERED, FERROX, Brings::KnownToken);
    let fresh = ALGORITHMS.iter().flat_map(|algorithm| {
        let fresh = Brings::FreshToken(algorithm);
        [
            Variant::new(format!("{algorithm}, by Envoy where it can"), FERROX, fresh),
            Variant::new(format!("{algorithm}, in wasm"), Filter::FerroxAllInWasm, fresh),
        ]
    });
    std::iter::once(remembered).chain(fresh).collect()
}

pub(crate) const REMEMBERED: &str = "remembered";
