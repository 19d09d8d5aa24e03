//! The members of a JSON Web Key (RFC 7517 section 4), read without ever repeating a value in an error: it may
//! be a key.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ferrox_policy::Invalid;
use serde_json::{Map, Value};

/// Members that only a private key has (RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// A JWK as configured.
#[derive(Clone, Copy)]
pub(crate) struct Jwk<'a>(&'a Map<String, Value>);

impl<'a> Jwk<'a> {
    /// Any object is a JWK until its members are read.
    pub(crate) fn new(json: &'a Value) -> Result<Self, Invalid> {
        json.as_object().map(Self).ok_or_else(|| Invalid::new("", "must be an object (RFC 7517)"))
    }

    /// A string that need not be there.
    pub(crate) fn text(self, member: &str) -> Result<Option<&'a str>, Invalid> {
        match self.0.get(member) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Invalid::new(member, "must be a string")),
        }
    }

    /// A string that must be there.
    pub(crate) fn required_text(self, member: &str) -> Result<&'a str, Invalid> {
        self.text(member)?.ok_or_else(|| Invalid::new(member, "is missing"))
    }

    /// Bytes that must be there, in base64url without padding (RFC 7515 section 2).
    pub(crate) fn bytes(self, member: &str) -> Result<Vec<u8>, Invalid> {
        URL_SAFE_NO_PAD
            .decode(self.required_text(member)?)
            .map_err(|_| Invalid::new(member, "must be base64url without padding"))
    }

    /// Refuses a private key: who can sign should not be shipped to every proxy.
    pub(crate) fn check_public(self) -> Result<(), Invalid> {
        match PRIVATE.iter().find(|member| self.0.contains_key(**member)) {
            Some(member) => {
                Err(Invalid::new(*member, "belongs to the private key, give the public key only"))
            }
            None => Ok(()),
        }
    }

    /// Refuses a key that is meant for something else than verifying signatures.
    pub(crate) fn check_verifies(self) -> Result<(), Invalid> {
        if self.text("use")?.is_some_and(|usage| usage != "sig") {
            return Err(Invalid::new("use", "must be sig, a key for anything else verifies no token"));
        }
        match self.0.get("key_ops") {
            None => Ok(()),
            Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => {
                Ok(())
            }
            Some(_) => Err(Invalid::new("key_ops", "must be a list that holds verify")),
        }
    }
}
