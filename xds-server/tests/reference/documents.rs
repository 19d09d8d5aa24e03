//! How each way to write a type in serde is shown.
#![allow(dead_code, reason = "only the schemas of these types are of interest")]

use std::collections::BTreeMap;

use schemars::{JsonSchema, schema_for};

use crate::fields;

/// The document.
#[derive(JsonSchema)]
struct Document {
    /// 1 to 5.
    #[schemars(range(min = 1, max = 5))]
    count: u32,
    #[serde(default)]
    inner: Option<Inner>,
    /// Which.
    #[serde(default)]
    mode: Mode,
    /// By name.
    #[serde(default)]
    named: BTreeMap<String, Inner>,
    /// How.
    action: Tagged,
    /// What.
    source: External,
    /// One or many.
    hosts: Untagged,
}

/// What is inside.
#[derive(JsonSchema)]
struct Inner {
    /// Names.
    names: Vec<String>,
    /// More of the same.
    #[serde(default)]
    children: Vec<Inner>,
}

#[derive(JsonSchema, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// The first.
    #[default]
    One,
    /// The second.
    Two,
}

#[derive(JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Tagged {
    /// Elsewhere.
    Redirect {
        /// Where.
        to: String,
    },
    /// Nowhere.
    Drop,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
enum External {
    /// A header.
    Header {
        /// Its name.
        name: String,
    },
    /// The address.
    Address,
}

#[derive(JsonSchema)]
#[serde(untagged)]
enum Untagged {
    One(String),
    Many(Vec<String>),
}

#[test]
fn every_kind_of_type_is_shown_with_all_its_fields() {
    let schema = schema_for!(Document);
    let fields = fields::of(schema.as_value());
    let shown: Vec<_> = fields
        .iter()
        .map(|field| {
            let default = field.default.as_deref().unwrap_or("required");
            format!("{} | {} | {default} | {}", field.path, field.kind, field.meaning)
        })
        .collect();
    let expected = [
        "action | object | required | How.",
        "action.type | `redirect` | required | Elsewhere.",
        "action.to | text | required | With `type` `redirect`: Where.",
        "action.type | `drop` | required | Nowhere.",
        "count | whole number, 1 to 5 | required | 1 to 5.",
        "hosts | text or list of text | required | One or many.",
        "inner | object |  | What is inside.",
        "inner.children | list of object |  | More of the same.",
        "inner.names | list of text | required | Names.",
        "mode | `one` or `two` | `\"one\"` | Which. `one`: The first. `two`: The second.",
        "named | object |  | By name.",
        "named.*.children | list of object |  | More of the same.",
        "named.*.names | list of text | required | Names.",
        "source | object with `header` or `address` | required | What. `address`: The address.",
        "source.header | object | one of these | A header.",
        "source.header.name | text | required | Its name.",
    ];
    assert_eq!(shown, expected);
}
