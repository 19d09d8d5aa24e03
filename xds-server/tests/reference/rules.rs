//! What every comment must say.

use ferrox_xds_server::model::Document;

use crate::{
    catalog::{Allowed, Column, Table},
    fields,
    page::WRITTEN_BY_US,
};

/// Ends of names that promise a unit, and the word for it.
const UNITS: [(&str, &str); 3] = [("_ms", "millisecond"), ("_seconds", "second"), ("_bytes", "byte")];

/// What is missing: table, column and what its comment lacks.
pub(crate) fn missing(tables: &[Table], documents: &[Document]) -> Vec<String> {
    let mut missing = Vec::new();
    for table in tables {
        if table.comment.is_empty() {
            missing.push(format!("{} has no comment", table.name));
        }
        for column in &table.columns {
            let place = format!("{}.{}", table.name, column.name);
            missing.extend(of_column(column).map(|reason| format!("{place}: {reason}")));
            let has_document = documents.iter().any(|it| it.table == table.name && it.column == column.name);
            let is_ours = WRITTEN_BY_US.contains(&table.name.as_str());
            if column.data_type == "jsonb" && !has_document && !is_ours {
                missing.push(format!("{place}: model/documents.rs does not say what it holds"));
            }
        }
    }
    missing.extend(documents.iter().flat_map(of_document));
    missing
}

fn of_column(column: &Column) -> Option<String> {
    let comment = &column.comment;
    if comment.is_empty() {
        return Some("no comment".to_owned());
    }
    if let Some(unit) = unit_missing(&column.name, comment) {
        return Some(format!("the comment must say '{unit}'"));
    }
    let is_number = ["integer", "bigint", "smallint", "double precision", "numeric"]
        .iter()
        .any(|name| column.data_type.starts_with(name));
    let bounds: Vec<_> = match &column.allowed {
        Some(Allowed::Range { from, to }) => from.iter().chain(to).collect(),
        _ => Vec::new(),
    };
    if is_number && bounds.is_empty() && !has_digit(comment) {
        return Some("the comment must say the range".to_owned());
    }
    let unsaid = bounds.into_iter().find(|bound| !numbers(comment).any(|number| number == bound.as_str()));
    unsaid.map(|bound| format!("the comment must say the bound {bound}"))
}

fn of_document(document: &Document) -> Vec<String> {
    let mut missing = Vec::new();
    for field in fields::of(document.schema.as_value()) {
        let place = format!("{}.{}: {}", document.table, document.column, field.path);
        if field.meaning.is_empty() {
            missing.push(format!("{place} has no doc comment"));
        } else if let Some(unit) = unit_missing(&field.path, &field.meaning) {
            missing.push(format!("{place}: the doc comment must say '{unit}'"));
        } else if field.is_number && !has_digit(&field.meaning) {
            missing.push(format!("{place}: the doc comment must say the range"));
        }
    }
    missing
}

fn unit_missing(name: &str, comment: &str) -> Option<&'static str> {
    let promised = UNITS.into_iter().find(|(end, _)| name.ends_with(end));
    promised.map(|(_, unit)| unit).filter(|unit| !comment.contains(unit))
}

fn has_digit(text: &str) -> bool {
    text.contains(|character: char| character.is_ascii_digit())
}

fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |character: char| character.is_ascii_digit() || ['-', '.'].contains(&character);
    text.split(move |character| !is_part(character)).map(|number| number.trim_end_matches('.'))
}

#[test]
fn a_comment_must_say_the_unit_and_the_bounds() {
    let column = |name: &str, comment: &str| Column {
        name: name.to_owned(),
        data_type: "integer".to_owned(),
        nullable: false,
        default: None,
        comment: comment.to_owned(),
        unique: false,
        references: None,
        allowed: Some(Allowed::Range { from: Some("1".to_owned()), to: Some("600".to_owned()) }),
    };
    let reason = |name: &str, comment: &str| of_column(&column(name, comment));
    assert_eq!(reason("wait_ms", "How long, in milliseconds: 1 to 600."), None);
    assert_eq!(
        reason("wait_ms", "How long: 1 to 600").as_deref(),
        Some("the comment must say 'millisecond'")
    );
    assert_eq!(reason("n", "How many: 1 to 6000").as_deref(), Some("the comment must say the bound 600"));
    assert_eq!(reason("n", "").as_deref(), Some("no comment"));
}
