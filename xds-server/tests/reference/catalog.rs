//! The tables as PostgreSQL knows them.

use std::collections::BTreeMap;

use sqlx::{FromRow, PgConnection};

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) comment: String,
    pub(crate) columns: Vec<Column>,
    /// Columns of the primary key.
    pub(crate) key: Vec<String>,
    /// Conditions on several columns of a row.
    pub(crate) checks: Vec<String>,
}

/// A column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) data_type: String,
    pub(crate) nullable: bool,
    /// The expression; `None`: a row must bring a value, or null is one.
    pub(crate) default: Option<String>,
    pub(crate) comment: String,
    pub(crate) unique: bool,
    /// The table whose rows it names.
    pub(crate) references: Option<String>,
    pub(crate) allowed: Option<Allowed>,
}

/// What a CHECK of one column lets pass, where that can be said in a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Allowed {
    Range { from: Option<String>, to: Option<String> },
    OneOf(Vec<String>),
}

#[derive(FromRow)]
struct ColumnRow {
    table: String,
    table_comment: String,
    name: String,
    data_type: String,
    nullable: bool,
    default: Option<String>,
    comment: String,
}

#[derive(FromRow)]
struct ConstraintRow {
    table: String,
    kind: String,
    columns: Vec<String>,
    definition: String,
    references: Option<String>,
}

const COLUMNS: &str = r#"
    select relname as table, coalesce(obj_description(c.oid), '') as table_comment, attname as name,
        format_type(atttypid, atttypmod) as data_type, not attnotnull as nullable,
        case when attidentity <> '' then 'generated' else pg_get_expr(adbin, adrelid) end as default,
        coalesce(col_description(c.oid, attnum), '') as comment
    from pg_class c join pg_attribute a on attrelid = c.oid left join pg_attrdef on adrelid = c.oid and adnum = attnum
    where relnamespace = current_schema()::regnamespace and relkind = 'r' and not starts_with(relname, '_')
        and attnum > 0 and not attisdropped
    order by c.oid, attnum"#;

const CONSTRAINTS: &str = r#"
    select c.relname as table, contype::text as kind, pg_get_constraintdef(k.oid) as definition, f.relname as references,
        array(select attname::text from unnest(conkey) with ordinality as key (number, position)
            join pg_attribute on attrelid = conrelid and attnum = number order by position) as columns
    from pg_constraint k join pg_class c on c.oid = conrelid left join pg_class f on f.oid = confrelid
    where connamespace = current_schema()::regnamespace
    order by k.oid"#;

/// The tables in the order in which they were created, with their columns in theirs.
pub(crate) async fn read(connection: &mut PgConnection) -> Vec<Table> {
    let rows: Vec<ColumnRow> = sqlx::query_as(COLUMNS).fetch_all(&mut *connection).await.unwrap();
    let constraints: Vec<ConstraintRow> = sqlx::query_as(CONSTRAINTS).fetch_all(connection).await.unwrap();
    let of_one_table = rows.chunk_by(|a, b| a.table == b.table);
    of_one_table.map(|rows| table(rows, &constraints)).collect()
}

fn table(rows: &[ColumnRow], all: &[ConstraintRow]) -> Table {
    let name = rows[0].table.clone();
    let constraints: Vec<_> = all.iter().filter(|constraint| constraint.table == name).collect();
    let of_kind = |kind: &'static str| constraints.iter().filter(move |constraint| constraint.kind == kind);
    let key = of_kind("p").flat_map(|constraint| constraint.columns.clone()).collect();
    let of_row = of_kind("c").filter(|constraint| constraint.columns.len() != 1);
    let checks = of_row.map(|constraint| condition(&constraint.definition).to_owned()).collect();
    let mut of_column: BTreeMap<&str, Vec<&ConstraintRow>> = BTreeMap::new();
    for constraint in constraints.iter().filter(|constraint| constraint.columns.len() == 1) {
        of_column.entry(&constraint.columns[0]).or_default().push(constraint);
    }
    let columns =
        rows.iter().map(|row| column(row, of_column.get(row.name.as_str()).map_or(&[], Vec::as_slice)));
    Table { comment: rows[0].table_comment.clone(), columns: columns.collect(), key, checks, name }
}

fn column(row: &ColumnRow, constraints: &[&ConstraintRow]) -> Column {
    let checks = constraints.iter().filter(|constraint| constraint.kind == "c");
    Column {
        name: row.name.clone(),
        data_type: row.data_type.clone(),
        nullable: row.nullable,
        // `'{*}'::text[]`: the type stands beside it.
        default: row
            .default
            .as_ref()
            .map(|default| default.split("::").next().unwrap_or_default().to_owned()),
        comment: row.comment.clone(),
        unique: constraints.iter().any(|constraint| constraint.kind == "u"),
        references: constraints.iter().find_map(|constraint| constraint.references.clone()),
        allowed: checks.filter_map(|check| allowed(&row.name, condition(&check.definition))).next(),
    }
}

/// What stands in a `CHECK ((…))`.
fn condition(definition: &str) -> &str {
    let inner = definition.strip_prefix("CHECK ((").and_then(|rest| rest.strip_suffix("))"));
    inner.unwrap_or(definition)
}

fn allowed(column: &str, condition: &str) -> Option<Allowed> {
    let plain = condition.replace(['(', ')'], "");
    if let Some(list) = plain.strip_prefix(&format!("{column} = ANY ARRAY[")) {
        let values = list.trim_end_matches(']').split(", ");
        return Some(Allowed::OneOf(values.map(|value| literal(value).to_owned()).collect()));
    }
    let (mut from, mut to) = (None, None);
    for part in plain.split(" AND ") {
        let (operator, bound) = part.strip_prefix(column)?.trim_start().split_once(' ')?;
        let side = match operator {
            ">=" => &mut from,
            "<=" => &mut to,
            _ => return None,
        };
        literal(bound).parse::<f64>().ok()?;
        *side = Some(literal(bound).to_owned());
    }
    Some(Allowed::Range { from, to })
}

/// `'-1'::integer` is `-1`.
fn literal(sql: &str) -> &str {
    sql.split("::").next().unwrap_or_default().trim_matches('\'')
}

#[test]
fn checks_of_ranges_and_lists_are_understood_and_no_others() {
    let range = |from: Option<&str>, to: Option<&str>| {
        Some(Allowed::Range { from: from.map(ToOwned::to_owned), to: to.map(ToOwned::to_owned) })
    };
    assert_eq!(allowed("port", "(port >= 1) AND (port <= 65535)"), range(Some("1"), Some("65535")));
    assert_eq!(allowed("n", "n >= '-1'::integer"), range(Some("-1"), None));
    let one_of = Allowed::OneOf(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(allowed("kind", "kind = ANY (ARRAY['a'::text, 'b'::text])"), Some(one_of));
    for other in ["name ~ '^a$'::text", "octet_length(sha256) = 32", "name <> ''::text"] {
        assert_eq!(allowed("name", other), None, "{other}");
    }
}
