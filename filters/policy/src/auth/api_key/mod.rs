//! API keys: what they look like, what each is good for, and how 100,000 of them reach a filter.

mod digest;
mod format;
mod grant;
mod pack;
mod set;
mod usage;
mod wire;

pub use self::{
    digest::KeyDigest,
    format::{ApiKey, Shape},
    grant::{ConsumerKey, KeyGrant, MAX_TIME},
    set::{HeldKey, KeySet, Terms},
    usage::{KeyUsage, KeyUsageReport, MAX_KEYS_IN_REPORT, USAGE_PATH, UsageReports},
};
