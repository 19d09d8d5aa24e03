//! The requests, made before anything is measured.

use std::net::Ipv4Addr;

use ferrox_testbed::bench::request;

use crate::variant::From;

const CLIENTS: u32 = 100_000;

/// Whole requests by whose they are.
pub(crate) struct Pools {
    one: Vec<Vec<u8>>,
    many: Vec<Vec<u8>>,
}

impl Pools {
    pub(crate) fn fill() -> Self {
        let of_client = |number| request(&format!("x-forwarded-for: {}\r\n", address(number)));
        Self { one: vec![of_client(0)], many: (0..CLIENTS).map(of_client).collect() }
    }

    pub(crate) fn of(&self, from: From) -> &[Vec<u8>] {
        match from {
            From::OneClient => &self.one,
            From::ManyClients => &self.many,
        }
    }
}

/// Of 10.0.0.0/8.
fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 1).to_bits() + number)
}
