//! Properties of the auth filter that hold for any input. libFuzzer looks for one that breaks them, and the unit tests of
//! the filter try them on everything that it found worth keeping (`corpus/`).

pub mod properties;

#[allow(dead_code, reason = "the unit tests of auth use more of it")]
#[path = "../../filters/auth/tests/auth/gateway.rs"]
mod gateway;
#[allow(dead_code, reason = "the unit tests of auth use more of it")]
#[path = "../../filters/auth/tests/auth/issuer.rs"]
mod issuer;
