//! The requests, made before anything is measured.

use std::{
    collections::{HashMap, HashSet},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use ferrox_testbed::bench::{Failure, request};
use serde_json::{Value, json};

use crate::{
    configuration::{AUDIENCE, ISSUER},
    variant::{Brings, Variant},
};

// The unit tests of auth use more of it, and may unwrap.
#[expect(dead_code, clippy::unwrap_used, clippy::indexing_slicing)]
#[path = "../../../filters/auth/tests/auth/issuer.rs"]
pub(crate) mod issuer;

/// More tokens than auth remembers, which is two generations of 2,000 each or of 1 MiB: whoever brings them one after the other
/// is never remembered.
const FRESH: usize = 4_200;
/// The same of wrong tokens, though auth remembers only those that it verified, perhaps one in ten.
const WRONG: usize = 50_000;
const KNOWN: usize = 20;

/// The API key of the first consumer.
pub(crate) const API_KEY: &str = "bench-key-0";

/// Whole requests by what they bring.
pub(crate) struct Pools(HashMap<Brings, Vec<Vec<u8>>>);

impl Pools {
    /// Makes what these variants need.
    pub(crate) fn fill(variants: &[Variant]) -> Result<Self, Failure> {
        let needed: HashSet<_> = variants.iter().map(|variant| variant.brings).collect();
        needed.into_iter().map(|brings| Ok((brings, requests(brings)?))).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn of(&self, brings: Brings) -> &[Vec<u8>] {
        self.0.get(&brings).map(Vec::as_slice).unwrap_or_default()
    }
}

fn requests(brings: Brings) -> Result<Vec<Vec<u8>>, Failure> {
    let bearer = |token: String| request(&format!("authorization: Bearer {token}\r\n"));
    Ok(match brings {
        Brings::Nothing => vec![request("")],
        Brings::ApiKey => vec![request(&format!("x-api-key: {API_KEY}\r\n"))],
        Brings::KnownToken => tokens("RS256", "known", KNOWN)?.into_iter().map(bearer).collect(),
        Brings::FreshToken(algorithm) => tokens(algorithm, "fresh", FRESH)?.into_iter().map(bearer).collect(),
        Brings::WrongToken(algorithm) => wrong_tokens(algorithm)?.into_iter().map(bearer).collect(),
    })
}

/// Tokens of some 800 bytes (RS256) that differ in `jti`, signed by all cores.
fn tokens(algorithm: &'static str, kind: &'static str, count: usize) -> Result<Vec<String>, Failure> {
    let now = now()?;
    let threads = thread::available_parallelism()?.get();
    let share = count.div_ceil(threads);
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let sign = move |number| issuer::token(algorithm, &claims(now, kind, number));
            thread::spawn(move || (thread * share..count.min((thread + 1) * share)).map(sign).collect())
        })
        .collect();
    let mut tokens = Vec::new();
    for worker in workers {
        let signed: Vec<String> = worker.join().map_err(|_| format!("no {algorithm} token was made"))?;
        tokens.extend(signed);
    }
    Ok(tokens)
}

/// The same with signatures of other tokens, which are of the form that has most computed on them.
fn wrong_tokens(algorithm: &'static str) -> Result<Vec<String>, Failure> {
    let others = tokens(algorithm, "other", KNOWN)?;
    let header = json!({"alg": algorithm, "kid": algorithm});
    let (now, others) = (now()?, others.iter().filter_map(|token| token.rsplit('.').next()).cycle());
    let wrong = others.take(WRONG).enumerate().map(|(number, signature)| {
        format!("{}.{signature}", issuer::signing_input(&header, &claims(now, "wrong", number)))
    });
    Ok(wrong.collect())
}

fn now() -> Result<u64, Failure> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

fn claims(now: u64, kind: &str, number: usize) -> Value {
    issuer::claims(json!({
        "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 3600, "jti": format!("{kind}-{number}"),
        "sub": format!("user-{}@example.com", number % 1000), "scope": "orders:read orders:write profile",
        "tenant": "tenant-0123456789", "name": "A User of the API", "roles": ["reader", "writer"],
    }))
}
