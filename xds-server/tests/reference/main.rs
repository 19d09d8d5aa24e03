//! The reference in `docs/reference` is what the code says. `make reference` writes it anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a failed expectation in a test is a failed test"
)]

mod catalog;
mod documents;
mod fields;
mod page;
#[path = "../postgres/mod.rs"]
mod postgres;
mod rules;

use std::{env, fs, path::PathBuf};

use ferrox_xds_server::{model, store::Store};
use postgres::Postgres;
use sqlx::{Connection, PgConnection};

/// Compares a file with what it should be; writes it if `UPDATE_REFERENCE` is set.
fn check(file: &str, expected: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/reference").join(file);
    if env::var_os("UPDATE_REFERENCE").is_some() {
        fs::write(&path, expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let lines = found.lines().zip(expected.lines()).enumerate();
    let difference =
        lines.filter(|(_, (old, new))| old != new).map(|(line, (_, new))| (line + 1, new)).next();
    assert!(found == expected, "{file} is not up to date, from {difference:?} on: run 'make reference'");
}

async fn tables() -> Vec<catalog::Table> {
    let postgres = Postgres::start();
    Store::connect(&postgres.url()).unwrap().migrate().await.unwrap();
    catalog::read(&mut PgConnection::connect(&postgres.url()).await.unwrap()).await
}

#[tokio::test]
async fn the_page_of_tables_is_what_the_database_and_the_types_say() {
    check("tables.md", &page::write(&tables().await, &model::documents()));
}

#[tokio::test]
async fn every_column_and_field_says_what_it_is_its_unit_and_its_range() {
    let missing = rules::missing(&tables().await, &model::documents());
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_schemas_of_the_policies_are_those_of_the_types() {
    for (name, schema) in ferrox_policy::schema::all() {
        check(&format!("schema/{name}.json"), &(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
    }
}
