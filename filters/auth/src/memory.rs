//! Tokens whose signatures were verified before.
//!
//! What is remembered is what the signature said, and nothing that changes with time: whether a token is still valid is asked
//! for each request. Whoever changes a key empties the memory.

use std::{cell::RefCell, collections::HashMap, mem, rc::Rc};

use sha2::{Digest, Sha256};

use crate::{badge::Badge, claims::Claims, denial::Denial};

/// A token may be somebody's secret, so it is remembered by its SHA-256, which nobody can choose to be another's.
type TokenDigest = [u8; 32];

/// Most tokens in a generation.
const TOKENS: usize = 2_000;
/// Most bytes of tokens in a generation. What is kept of a token takes a few times its length.
const BYTES: usize = 1 << 20;
/// How long a verified signature is believed, in seconds.
const VERIFIED_FOR: f64 = 300.0;
/// How long a wrong one is, in seconds.
const REFUSED_FOR: f64 = 10.0;

/// What a signature said: the claims of a token of a provider, which is known by its place, or that it is wrong.
pub(crate) type Said = Result<Rc<Verified>, Denial>;

/// A token whose signature is right.
#[derive(Debug)]
pub(crate) struct Verified {
    /// `iss`.
    pub(crate) issuer: String,
    /// What the token says.
    pub(crate) claims: Claims,
    /// Who it speaks for, or why nobody can be told.
    pub(crate) badge: Result<Rc<Badge>, Denial>,
}

impl Verified {
    pub(crate) fn new(issuer: String, claims: Claims) -> Self {
        let badge = claims.identity().map(|identity| Rc::new(Badge::new(identity)));
        Self { issuer, claims, badge }
    }
}

#[derive(Debug)]
struct Remembered {
    said: Said,
    /// Seconds since 1970.
    until: f64,
    bytes: usize,
}

/// Good tokens and wrong ones, each kind by itself: a flood of wrong ones makes no good one be forgotten.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    good: RefCell<Generations>,
    wrong: RefCell<Generations>,
}

/// Two generations: what is asked for moves to the young one, and when that is full, what is left in the old one is forgotten.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<TokenDigest, Remembered>,
    young_bytes: usize,
    old: HashMap<TokenDigest, Remembered>,
}

impl Memory {
    /// Forgets everything: other keys may say something else.
    pub(crate) fn forget(&self) {
        self.good.take();
        self.wrong.take();
    }

    /// What is remembered of a token; else what `verify` finds out, which is remembered, unless it was not verified. `now` is
    /// in seconds since 1970.
    pub(crate) fn of(&self, token: &[u8], now: f64, verify: impl FnOnce() -> Said) -> Said {
        let digest = Sha256::digest(token).into();
        let known = self.take(&digest).filter(|known| now < known.until).unwrap_or_else(|| {
            let said = verify();
            let lasts = if said.is_ok() { VERIFIED_FOR } else { REFUSED_FOR };
            Remembered { said, until: now + lasts, bytes: token.len() }
        });
        let said = known.said.clone();
        match &said {
            Ok(_) => self.good.borrow_mut().keep(digest, known),
            Err(Denial::TooManyInvalid) => {}
            Err(_) => self.wrong.borrow_mut().keep(digest, known),
        }
        said
    }

    fn take(&self, digest: &TokenDigest) -> Option<Remembered> {
        self.good.borrow_mut().take(digest).or_else(|| self.wrong.borrow_mut().take(digest))
    }
}

impl Generations {
    fn take(&mut self, digest: &TokenDigest) -> Option<Remembered> {
        if let Some(known) = self.young.remove(digest) {
            self.young_bytes -= known.bytes;
            return Some(known);
        }
        self.old.remove(digest)
    }

    fn keep(&mut self, digest: TokenDigest, known: Remembered) {
        if self.young.len() >= TOKENS || self.young_bytes + known.bytes > BYTES {
            self.old = mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += known.bytes;
        self.young.insert(digest, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const NOW: f64 = 1_000_000.0;

    fn right() -> Said {
        let claims = Claims::parse(br#"{"iss":"i"}"#)?;
        Ok(Rc::new(Verified::new("i".to_owned(), claims)))
    }

    /// Whether a token had to be verified.
    fn is_new(memory: &Memory, token: &str, now: f64, said: impl Fn() -> Said) -> bool {
        let asked = Cell::new(false);
        let answer = memory.of(token.as_bytes(), now, || {
            asked.set(true);
            said()
        });
        assert_eq!(answer.is_ok(), said().is_ok());
        asked.get()
    }

    #[test]
    fn a_token_is_verified_once() {
        let memory = Memory::default();
        assert!(is_new(&memory, "a", NOW, right));
        assert!(!is_new(&memory, "a", NOW + 1.0, right));
        assert!(is_new(&memory, "b", NOW, right));
        assert!(is_new(&memory, "a", NOW + VERIFIED_FOR, right));
    }

    #[test]
    fn what_is_forgotten_is_verified_again() {
        let memory = Memory::default();
        is_new(&memory, "a", NOW, right);
        memory.forget();
        assert!(is_new(&memory, "a", NOW, right));
    }

    #[test]
    fn a_wrong_one_is_remembered_briefly() {
        let memory = Memory::default();
        let wrong = || Err(Denial::BadSignature);
        assert!(is_new(&memory, "a", NOW, wrong));
        assert!(!is_new(&memory, "a", NOW + 9.0, wrong));
        assert!(is_new(&memory, "a", NOW + REFUSED_FOR, wrong));
    }

    #[test]
    fn what_was_not_verified_is_not_remembered() {
        let memory = Memory::default();
        let unverified = || Err(Denial::TooManyInvalid);
        assert!(is_new(&memory, "a", NOW, unverified));
        assert!(is_new(&memory, "a", NOW, right));
    }

    #[test]
    fn a_flood_of_wrong_tokens_forgets_no_good_one() {
        let memory = Memory::default();
        is_new(&memory, "good", NOW, right);
        for index in 0..3 * TOKENS {
            is_new(&memory, &format!("flood {index}"), NOW, || Err(Denial::BadSignature));
        }
        assert!(!is_new(&memory, "good", NOW, right));
        let wrong = memory.wrong.borrow();
        assert!(wrong.young.len() + wrong.old.len() <= 2 * TOKENS);
    }

    #[test]
    fn a_flood_of_tokens_forgets_what_is_not_used() {
        let memory = Memory::default();
        for index in 0..3 * TOKENS {
            is_new(&memory, &format!("flood {index}"), NOW, right);
            assert_eq!(is_new(&memory, "used", NOW, right), index == 0);
        }
        assert!(is_new(&memory, "flood 0", NOW, right));
        let generations = memory.good.borrow();
        assert!(generations.young.len() + generations.old.len() <= 2 * TOKENS);
    }

    #[test]
    fn large_tokens_fill_it_sooner() {
        let memory = Memory::default();
        for index in 0..400 {
            is_new(&memory, &format!("{index}{}", "x".repeat(8000)), NOW, right);
        }
        let generations = memory.good.borrow();
        let bytes =
            |of: &HashMap<TokenDigest, Remembered>| of.values().map(|known| known.bytes).sum::<usize>();
        assert!(bytes(&generations.young) <= BYTES && bytes(&generations.old) <= BYTES);
        assert_eq!(bytes(&generations.young), generations.young_bytes);
    }
}
