//! The JSON Schemas in `docs/reference/schema` are those of the types.
#![cfg(feature = "schema")]

use std::{env, fs, path::PathBuf};

#[test]
fn the_schemas_in_the_documentation_are_those_of_the_types() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/schema");
    for (name, schema) in ferrox_policy::schema::all() {
        let path = folder.join(format!("{name}.json"));
        let expected = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if env::var_os("FERROX_WRITE_SCHEMA").is_some() {
            fs::write(&path, &expected).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == expected, "{} is not up to date: run 'make schema'", path.display());
    }
}
