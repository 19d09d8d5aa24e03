//! What fuzzing found worth keeping, tried again.

use std::{fs, path::Path};

use crate::properties::{api_keys, documents, key_sets, tokens};

#[track_caller]
fn all_hold(target: &str, hold: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 5, "{} is nearly empty", folder.display());
    for file in files {
        // Named before it can fail; the test's output is shown then.
        println!("{}", file.display());
        hold(&fs::read(file).unwrap());
    }
}

#[test]
fn what_passes_was_signed_and_has_one_spelling() {
    all_hold("tokens", tokens::hold);
}

#[test]
fn a_key_set_that_is_accepted_is_strong() {
    all_hold("key_sets", key_sets::hold);
}

#[test]
fn one_api_key_passes_where_it_should_be_and_no_further() {
    all_hold("api_keys", api_keys::hold);
}

#[test]
fn by_a_document_that_is_wrong_nobody_passes() {
    all_hold("documents", documents::hold);
}
