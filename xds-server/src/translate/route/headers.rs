//! Changes of headers.

use std::collections::BTreeMap;

use envoy_types::pb::envoy::config::core::v3::{
    HeaderValue, HeaderValueOption, header_value_option::HeaderAppendAction,
};
use ferrox_policy::identity;

use crate::model::{HeaderChanges, Route};

/// What is set and added, in the order of the names. Envoy removes before it adds.
pub(super) fn to_add(changes: &HeaderChanges) -> Vec<HeaderValueOption> {
    let each = |values: &BTreeMap<String, String>, action| {
        values.iter().map(|(name, value)| option(name, value.clone(), action)).collect::<Vec<_>>()
    };
    let mut options = each(&changes.set, HeaderAppendAction::OverwriteIfExistsOrAdd);
    options.extend(each(&changes.add, HeaderAppendAction::AppendIfExistsOrAdd));
    options
}

/// Where no auth filter does it, Envoy removes what only auth may say.
pub(super) fn to_remove_from_requests(route: &Route, changes: Option<&HeaderChanges>) -> Vec<String> {
    let removed = changes.into_iter().flat_map(|changes| &changes.remove).cloned();
    match route.policies.auth {
        Some(_) => removed.collect(),
        None => identity::header::ALL.map(str::to_owned).into_iter().chain(removed).collect(),
    }
}

/// A header that is set to this value.
pub(super) fn literal(name: &str, value: &str) -> HeaderValueOption {
    option(name, value.replace('%', "%%"), HeaderAppendAction::OverwriteIfExistsOrAdd)
}

/// In `value`, `%` begins a variable.
fn option(name: &str, value: String, action: HeaderAppendAction) -> HeaderValueOption {
    let header = HeaderValue { key: name.to_owned(), value, ..HeaderValue::default() };
    HeaderValueOption { header: Some(header), append_action: action.into(), ..HeaderValueOption::default() }
}
