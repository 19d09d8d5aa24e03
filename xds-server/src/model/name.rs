//! Names of gateways, upstreams, routes, listeners and certificates.

use std::{borrow::Borrow, fmt};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Parses a name.
            ///
            /// # Errors
            /// The reason why it is none.
            pub fn parse(name: &str) -> Result<Self, String> {
                check(name)?;
                Ok(Self(name.to_owned()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        /// To be looked up by.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name! {
    /// Name of a gateway: what `node.cluster` is for the nodes of it.
    GatewayName
}
name! {
    /// Name of an upstream, and of its cluster in Envoy. It has no `_`, so that clusters of Ferrox's own can have one
    /// and never collide.
    UpstreamName
}
name! {
    /// Name of a route, here and in Envoy.
    RouteName
}
name! {
    /// Name of a listener. It has no `_`, so that what it is called in Envoy, which has one, is never the name of an
    /// upstream.
    ListenerName
}
name! {
    /// Name of a certificate, and of its secret in Envoy.
    CertificateName
}

/// 1 to 63 of `a-z`, `0-9`, `.` and `-`, beginning and ending with a letter or digit.
fn check(name: &str) -> Result<(), String> {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends_well = |b: Option<&u8>| b.is_some_and(|b| alphanumeric(*b));
    let bytes = name.as_bytes();
    let allowed = bytes.iter().all(|b| alphanumeric(*b) || matches!(b, b'.' | b'-'));
    if bytes.len() > 63 || !allowed || !ends_well(bytes.first()) || !ends_well(bytes.last()) {
        return Err(format!(
            "'{}' is no name: 1 to 63 of a-z, 0-9, '.' and '-', with a letter or digit at both ends",
            name.escape_debug()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_database_accepts() {
        for good in ["a", "orders", "orders-v2.eu", &"a".repeat(63)] {
            assert!(UpstreamName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", ".", "A", "a b", "ferrox_sidecar", "a\n", "ä", &"a".repeat(64)] {
            assert!(RouteName::parse(bad).is_err(), "{bad}");
        }
    }
}
