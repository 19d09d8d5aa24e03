//! What is spoken at a listener.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU16,
    sync::Arc,
};

use crate::{
    model::{Certificate, CertificateName, problem::RowCheck},
    store::ListenerRow,
};

/// What is spoken at a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// Clear text.
    Http {
        /// Every request is answered by a redirect to https at this port.
        redirect: Option<NonZeroU16>,
    },
    /// TLS.
    Https(Certificates),
}

/// What a listener shows to its clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates {
    /// At least one; each for the clients that ask for one of its DNS names. No two have a common name.
    pub by_name: BTreeSet<CertificateName>,
    /// The one of them for all other clients; `None`: these are refused.
    pub default: Option<CertificateName>,
}

pub(super) fn parse(row: &ListenerRow, known: &BTreeSet<&str>, check: &mut RowCheck<'_>) -> Option<Protocol> {
    match row.protocol.as_str() {
        "http" => parse_http(row, check),
        "https" => parse_https(row, known, check),
        other => {
            check.refuse("protocol", format!("'{}' must be http or https", other.escape_debug()));
            None
        }
    }
}

fn parse_http(row: &ListenerRow, check: &mut RowCheck<'_>) -> Option<Protocol> {
    if !row.certificates.is_empty() || row.default_certificate.is_some() {
        check.refuse("certificates", "are for https");
    }
    let redirect = match row.redirect_https_port {
        Some(port) => {
            let port = check.number("redirect_https_port", port, 1..=65_535)?;
            NonZeroU16::new(u16::try_from(port).ok()?)
        }
        None => None,
    };
    Some(Protocol::Http { redirect })
}

fn parse_https(row: &ListenerRow, known: &BTreeSet<&str>, check: &mut RowCheck<'_>) -> Option<Protocol> {
    if row.redirect_https_port.is_some() {
        check.refuse("redirect_https_port", "is for http");
    }
    let by_name = check.set("certificates", &row.certificates, |name| match known.contains(name) {
        true => CertificateName::parse(name),
        false => Err(format!("there is no certificate '{}'", name.escape_debug())),
    });
    if row.certificates.is_empty() {
        check.refuse("certificates", "https needs at least one");
    }
    let default = match &row.default_certificate {
        Some(name) if row.certificates.contains(name) => CertificateName::parse(name).ok(),
        Some(name) => {
            let reason = format!("'{}' is not one of the listener's certificates", name.escape_debug());
            check.refuse("default_certificate", reason);
            None
        }
        None => None,
    };
    Some(Protocol::Https(Certificates { by_name, default }))
}

/// Refuses two certificates between which nothing decides.
pub(super) fn check_names(
    shown: &Certificates,
    certificates: &BTreeMap<CertificateName, Arc<Certificate>>,
    check: &mut RowCheck<'_>,
) {
    let mut owners = BTreeMap::new();
    for certificate in shown.by_name.iter().filter_map(|name| certificates.get(name)) {
        for name in &certificate.dns_names {
            if let Some(earlier) = owners.insert(name, &certificate.name) {
                let reason =
                    format!("'{earlier}' and '{}' are both for the DNS name '{name}'", certificate.name);
                check.refuse("certificates", reason);
            }
        }
    }
}
