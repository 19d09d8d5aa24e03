//! The page in Markdown.

use std::fmt::Write;

use ferrox_xds_server::model::Document;

use crate::{
    catalog::{Allowed, Column, Table},
    fields::{self, Field},
};

/// Tables that read best in this order. Others come after them as they were created.
const FIRST: [&str; 12] = [
    "gateways",
    "upstreams",
    "endpoints",
    "routes",
    "route_upstreams",
    "route_policies",
    "jwt_providers",
    "consumers",
    "api_keys",
    "api_key_usage",
    "listeners",
    "certificates",
];

/// Tables that the control plane writes.
pub(crate) const WRITTEN_BY_US: [&str; 4] = ["jwks_sets", "jwks_fetches", "releases", "changes"];

const HEAD: &str = "\
# Tables

<!-- Written by `make reference` from the migrated database and the types of the documents: change those. -->

Every table and column, from the comments in the database (`\\d+ routes` in `psql` shows them too), and every field of the
documents in JSON columns. How they work together is told in [Configuration](configuration.md). A column without a
default must be given, and a field that is required too, if what it is in is there; a field without a default is off or empty
unless its meaning says otherwise.
";

/// The whole page.
pub(crate) fn write(tables: &[Table], documents: &[Document]) -> String {
    let mut tables: Vec<_> = tables.iter().collect();
    tables.sort_by_key(|table| place(&table.name));
    let mut page = HEAD.to_owned();
    for table in tables {
        write_table(&mut page, table);
        for document in documents.iter().filter(|document| document.table == table.name) {
            write_document(&mut page, document);
        }
    }
    page
}

fn place(table: &str) -> usize {
    let first = FIRST.iter().position(|name| *name == table);
    let last = WRITTEN_BY_US.iter().position(|name| *name == table).map(|place| FIRST.len() + 1 + place);
    first.or(last).unwrap_or(FIRST.len())
}

fn write_table(page: &mut String, table: &Table) {
    writeln!(page, "\n## {}\n\n{}.", table.name, plain(&table.comment)).unwrap();
    if WRITTEN_BY_US.contains(&table.name.as_str()) {
        writeln!(page, "The control plane writes it.").unwrap();
    }
    if !table.key.is_empty() {
        writeln!(page, "Key: {}.", code(&table.key, ", ")).unwrap();
    }
    for check in &table.checks {
        writeln!(page, "Each row: `{check}`.").unwrap();
    }
    writeln!(page, "\n| column | type | default | allowed | meaning |\n|---|---|---|---|---|").unwrap();
    for column in &table.columns {
        let default = match &column.default {
            Some(default) => format!("`{default}`"),
            None if column.nullable => "null".to_owned(),
            None => String::new(),
        };
        writeln!(
            page,
            "| `{}` | {} | {default} | {} | {} |",
            column.name,
            data_type(column),
            allowed(column),
            plain(&column.comment)
        )
        .unwrap();
    }
}

fn data_type(column: &Column) -> String {
    let mut text = format!("`{}`", column.data_type);
    if column.unique {
        text += ", unique";
    }
    if let Some(table) = &column.references {
        write!(text, ", of [{table}](#{table})").unwrap();
    }
    text
}

fn allowed(column: &Column) -> String {
    match &column.allowed {
        None => String::new(),
        Some(Allowed::OneOf(values)) => code(values, ", "),
        Some(Allowed::Range { from: Some(from), to: Some(to) }) => format!("{from} to {to}"),
        Some(Allowed::Range { from: Some(from), .. }) => format!("from {from}"),
        Some(Allowed::Range { to, .. }) => format!("to {}", to.as_deref().unwrap_or_default()),
    }
}

fn write_document(page: &mut String, document: &Document) {
    let of = document.of.map(|condition| format!(" where {condition}")).unwrap_or_default();
    writeln!(page, "\n### {}.{}{of}", document.table, document.column).unwrap();
    let schema = document.schema.as_value();
    let description = schema["description"].as_str().unwrap_or_default();
    if !description.is_empty() {
        writeln!(page, "\n{}", markdown(description)).unwrap();
    }
    if schema["additionalProperties"] == false {
        writeln!(page, "Unknown fields are refused.").unwrap();
    }
    let fields = fields::of(schema);
    if fields.is_empty() {
        return;
    }
    writeln!(page, "\n| field | type | default | meaning |\n|---|---|---|---|").unwrap();
    for Field { path, kind, default, meaning, .. } in fields {
        let default = default.map_or("required".to_owned(), |default| default.replace('|', "\\|"));
        writeln!(page, "| `{path}` | {} | {default} | {} |", markdown(&kind), markdown(&meaning)).unwrap();
    }
}

fn code(names: &[String], between: &str) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(between)
}

/// A comment of the database, which is no Markdown, in a cell.
fn plain(comment: &str) -> String {
    let mut escaped = String::new();
    for character in comment.chars() {
        match character {
            '\n' => escaped.push(' '),
            '|' | '*' | '_' | '`' | '<' => escaped.extend(['\\', character]),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// A doc comment in a cell. Its links are for rustdoc.
fn markdown(comment: &str) -> String {
    let words: Vec<_> = comment.split_whitespace().collect();
    words.join(" ").replace('|', "\\|").replace("[`", "`").replace("`]", "`")
}

#[test]
fn nothing_in_a_cell_ends_it() {
    assert_eq!(plain("a|b\n*c_d"), "a\\|b \\*c\\_d");
    assert_eq!(markdown("a|b\n\n  [`C`]"), "a\\|b `C`");
}
