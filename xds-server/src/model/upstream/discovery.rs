//! How the endpoints of an upstream are found.

use std::time::Duration;

use crate::{model::problem::RowCheck, store::UpstreamRow};

/// How Envoy finds the endpoints of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discovery {
    /// They are IP addresses.
    Static,
    /// They are every address of each name, asked for again after this time.
    StrictDns(Duration),
    /// There is one name, and any of its addresses will do for a new connection; asked for again after this time.
    LogicalDns(Duration),
}

pub(super) fn parse(row: &UpstreamRow, check: &mut RowCheck<'_>) -> Option<Discovery> {
    let refresh = check.number("dns_refresh_ms", row.dns_refresh_ms, 1000..=3_600_000);
    let kind: Option<fn(Duration) -> Discovery> = match row.discovery.as_str() {
        "static" => Some(|_| Discovery::Static),
        "strict_dns" => Some(Discovery::StrictDns),
        "logical_dns" => Some(Discovery::LogicalDns),
        other => {
            check.refuse("discovery", format!("'{other}' must be static, strict_dns or logical_dns"));
            None
        }
    };
    Some(kind?(Duration::from_millis(refresh?.into())))
}
