//! Upstreams that make sense, and such that do not.

mod breakers;
mod connections;
mod endpoints;

use crate::{
    model::{
        Model, Upstream,
        sample::{keyring, sound},
    },
    store::UpstreamRow,
};

/// What is wrong with the upstream `orders` after a change to it.
pub(super) fn problem(change: impl FnOnce(&mut UpstreamRow)) -> String {
    let mut rows = sound();
    change(&mut rows.upstreams[0]);
    let problems = Model::parse(&rows, &keyring()).expect_err("a problem");
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].to_string().strip_prefix("upstreams 'orders': field ").expect("of the upstream").to_owned()
}

pub(super) fn parsed(change: impl FnOnce(&mut UpstreamRow)) -> Upstream {
    let mut rows = sound();
    change(&mut rows.upstreams[0]);
    let model = Model::parse(&rows, &keyring()).unwrap();
    Upstream::clone(model.upstreams().next().unwrap())
}

#[test]
fn a_row_at_its_defaults_is_the_same_as_in_older_releases() {
    let json = serde_json::to_value(&sound().upstreams[0]).unwrap();
    assert_eq!(json.as_object().unwrap().len(), 8, "{json}");
    assert_eq!(serde_json::from_value::<UpstreamRow>(json).unwrap(), sound().upstreams[0]);
}
