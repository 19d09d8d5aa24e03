//! The path of a route and what else a request must have.

use crate::{
    model::{Conditions, Path, PathMatch, PathTemplate, Pattern, conditions::Document, problem::RowCheck},
    store::RouteRow,
};

/// `None` for what was refused.
pub(super) fn parse(row: &RouteRow, check: &mut RowCheck<'_>) -> (Option<PathMatch>, Option<Conditions>) {
    let Some(json) = &row.conditions else {
        return (path(row, None, check), Some(Conditions::default()));
    };
    let Some(document) = check.document::<Document>("conditions", json) else {
        // Whether it is gRPC is not known.
        return (set(row).next().and_then(|(column, text)| parse_path(column, text, check)), None);
    };
    // Both were checked with the document.
    (path(row, document.path().ok().flatten(), check), document.conditions().ok())
}

fn path(row: &RouteRow, grpc: Option<PathMatch>, check: &mut RowCheck<'_>) -> Option<PathMatch> {
    let mut set = set(row);
    match (set.next(), set.next(), grpc) {
        (Some((column, text)), None, None) => parse_path(column, text, check),
        (None, None, Some(path)) => Some(path),
        _ => {
            check.refuse(
                "path_exact",
                "exactly one of path_exact, path_prefix, path_regex, path_template and conditions.grpc must be set",
            );
            None
        }
    }
}

/// The columns for the path that are set.
fn set(row: &RouteRow) -> impl Iterator<Item = (&'static str, &str)> {
    let columns = [
        ("path_exact", &row.path_exact),
        ("path_prefix", &row.path_prefix),
        ("path_regex", &row.path_regex),
        ("path_template", &row.path_template),
    ];
    columns.into_iter().filter_map(|(column, text)| Some((column, text.as_deref()?)))
}

fn parse_path(column: &'static str, text: &str, check: &mut RowCheck<'_>) -> Option<PathMatch> {
    let parsed = match column {
        "path_exact" => Path::parse(text).map(PathMatch::Exact),
        "path_prefix" => Path::parse(text).map(PathMatch::Prefix),
        "path_regex" => Pattern::parse(text).map(PathMatch::Regex),
        _ => PathTemplate::parse(text).map(PathMatch::Template),
    };
    check.keep(column, parsed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{
        model::tests::{problem, problems},
        store::RouteRow,
    };

    #[test]
    fn a_route_has_one_way_to_match_the_path() {
        let only = |change: fn(&mut RouteRow)| {
            problems(|rows| {
                rows.routes[0].path_prefix = None;
                change(&mut rows.routes[0]);
            })
        };
        let grpc = |row: &mut RouteRow| row.conditions = Some(json!({"grpc": {"service": "a.B"}}));
        assert!(only(|row| row.path_regex = Some("/a+".to_owned())).is_empty());
        assert!(only(|row| row.path_template = Some("/{a}".to_owned())).is_empty());
        assert!(only(grpc).is_empty());
        assert!(problem(|rows| grpc(&mut rows.routes[0])).contains("exactly one of path_exact, path_prefix"));
        assert!(problem(|rows| rows.routes[0].path_regex = Some("/".to_owned())).contains("exactly one of"));
        let begins = |found: Vec<String>, begin: &str| {
            assert!(found.len() == 1 && found[0].starts_with(begin), "{found:?}");
        };
        begins(
            only(|row| row.path_regex = Some("/(?=a)".to_owned())),
            "routes 'orders': field path_regex: '/(?=a)'",
        );
        begins(
            only(|row| row.path_template = Some("/{a".to_owned())),
            "routes 'orders': field path_template: '/{a'",
        );
        // Whether a wrong document would have been for gRPC is not known.
        begins(
            only(|row| row.conditions = Some(json!({"grpc": {"service": "a b"}}))),
            "routes 'orders': field conditions.grpc.service: must be",
        );
    }
}
