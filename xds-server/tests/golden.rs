//! What the sample configuration becomes, as text that can be reviewed. `UPDATE_GOLDEN=1` writes the files anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation in a test is a failed test"
)]

mod render;
mod sample;

use std::{fmt::Write, fs, path::Path};

use ferrox_xds_server::snapshot::Kind;

fn compare(file: &str, gateway: &str, kind: Kind) {
    let mut text = String::new();
    for resource in sample::snapshot(gateway).all(kind) {
        let rendered = render::render(kind.type_url(), resource.encoded());
        writeln!(text, "# {}\n{rendered}", resource.name()).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    let difference = golden.lines().zip(text.lines()).enumerate().find(|(_, (old, new))| old != new);
    assert!(golden == text, "{file} differs, first at line {difference:?}; UPDATE_GOLDEN=1 accepts it");
}

#[test]
fn clusters_are_as_reviewed() {
    compare("clusters.txt", "ferrox", Kind::Cluster);
}

#[test]
fn endpoints_are_as_reviewed() {
    compare("endpoints.txt", "ferrox", Kind::Endpoints);
}

#[test]
fn filters_are_as_reviewed() {
    compare("filters.txt", "ferrox", Kind::ExtensionConfig);
}

#[test]
fn listeners_are_as_reviewed() {
    compare("listeners.txt", "ferrox", Kind::Listener);
}

#[test]
fn the_listener_of_a_gateway_without_one_is_as_reviewed() {
    compare("listener.txt", "edge", Kind::Listener);
}

#[test]
fn routes_are_as_reviewed() {
    compare("routes.txt", "ferrox", Kind::RouteConfiguration);
}

#[test]
fn the_scopes_of_a_gateway_that_shards_are_as_reviewed() {
    compare("scopes.txt", "edge", Kind::ScopedRoutes);
}
