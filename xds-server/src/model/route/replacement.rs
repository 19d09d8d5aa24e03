//! Whether what a route matches can be replaced.

use super::{Action, PathRewrite, RedirectPath};
use crate::model::{PathMatch, Pattern, problem::RowCheck};

/// Only the beginning of a path is replaced, or all of an exact one.
pub(super) fn check(path: &PathMatch, action: &Action, check: &mut RowCheck<'_>) {
    if let Some(PathRewrite::Template(rewrite)) =
        action.forward().and_then(|forward| forward.rewrite.path.as_ref())
    {
        check_template(path, rewrite, check);
    }
    let Some((field, with)) = asked(action) else { return };
    match path {
        PathMatch::Exact(_) => {}
        PathMatch::Regex(_) | PathMatch::Template(_) => {
            check.refuse(
                field,
                format!("replaces what path_prefix or path_exact matches, and this is {}", path.column()),
            );
        }
        // Envoy does it by a regular expression then, which has to be one that it takes.
        PathMatch::Prefix(path) if with.ends_with('/') && !path.as_str().ends_with('/') => {
            check.keep(field, Pattern::parse(&path.beginning()));
        }
        PathMatch::Prefix(_) => {}
    }
}

/// Envoy refuses a name that was not captured, and with it all routes.
fn check_template(path: &PathMatch, rewrite: &str, check: &mut RowCheck<'_>) {
    let PathMatch::Template(template) = path else {
        check.refuse("rewrite.template", "needs a path_template, whose captures it names");
        return;
    };
    let captured: Vec<_> = template.captures().collect();
    let mut parts = rewrite.split('{');
    let mut literals = parts.next().into_iter().collect::<Vec<_>>();
    for part in parts {
        match part.split_once('}').filter(|(name, _)| captured.contains(name)) {
            Some((_, literal)) => literals.push(literal),
            None => {
                let reason = format!(
                    "'{{{}' is none of what is captured: {}",
                    part.escape_debug(),
                    captured.join(", ")
                );
                check.refuse("rewrite.template", reason);
            }
        }
    }
    if literals.iter().any(|literal| literal.contains('}')) {
        check.refuse("rewrite.template", "has a '}' without its '{'");
    }
}

fn asked(action: &Action) -> Option<(&'static str, &str)> {
    match action {
        Action::Forward(forward) => match &forward.rewrite.path {
            Some(PathRewrite::Prefix(with)) => Some(("rewrite.prefix", with)),
            Some(PathRewrite::Template(_) | PathRewrite::Regex { .. }) | None => None,
        },
        Action::Redirect(redirect) => match &redirect.path {
            Some(RedirectPath::Prefix(with)) => Some(("redirect.prefix", with)),
            Some(RedirectPath::Whole(_)) | None => None,
        },
        Action::Respond(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{
        model::tests::problems,
        store::{RouteRow, Rows},
    };

    fn forwarded(change: fn(&mut RouteRow), with: &str) -> Vec<String> {
        problems(|rows| {
            rows.routes[0].rewrite = Some(json!({"prefix": with}));
            change(&mut rows.routes[0]);
        })
    }

    fn template(row: &mut RouteRow) {
        row.path_prefix = None;
        row.path_template = Some("/{a}".to_owned());
    }

    fn long(row: &mut RouteRow) {
        row.path_prefix = Some("/a".repeat(60));
    }

    #[test]
    fn only_a_prefix_or_an_exact_path_can_be_replaced() {
        assert_eq!(
            forwarded(template, "/b"),
            ["routes 'orders': field rewrite.prefix: replaces what path_prefix or path_exact matches, \
              and this is path_template"]
        );
        let redirected = problems(|rows: &mut Rows| {
            rows.routes[0].redirect = Some(json!({"prefix": "/b"}));
            rows.route_upstreams.remove(0);
            template(&mut rows.routes[0]);
        });
        assert!(redirected.len() == 1 && redirected[0].contains("field redirect.prefix: "), "{redirected:?}");
    }

    #[test]
    fn a_prefix_is_replaced_only_as_envoy_can() {
        assert!(forwarded(long, "/b").is_empty());
        let found = forwarded(long, "/");
        assert!(found.len() == 1 && found[0].contains("field rewrite.prefix: "), "{found:?}");
        assert!(found[0].contains("is too large"), "{found:?}");
    }

    #[test]
    fn a_template_names_what_the_path_captures() {
        let rewritten = |path: &str, with: &str| {
            problems(|rows| {
                rows.routes[0].rewrite = Some(json!({"template": with}));
                rows.routes[0].path_prefix = None;
                rows.routes[0].path_template = Some(path.to_owned());
            })
        };
        assert!(rewritten("/users/{id}/{rest=**}", "/u/{rest}/{id}").is_empty());
        for (with, why) in [
            ("/{name}", "'{name}' is none of what is captured: id"),
            ("/{id", "'{id' is none"),
            ("/id}", "has a '}' without its '{'"),
            ("id", "must begin with one '/'"),
        ] {
            let found = rewritten("/users/{id}", with);
            assert!(found.len() == 1 && found[0].contains(why), "{with}: {found:?}");
        }
        assert_eq!(
            problems(|rows| rows.routes[0].rewrite = Some(json!({"template": "/{id}"}))),
            ["routes 'orders': field rewrite.template: needs a path_template, whose captures it names"]
        );
    }

    #[test]
    fn a_substitution_names_groups_that_are_there() {
        let rewritten = |pattern: &str, substitution: &str| {
            problems(|rows| {
                rows.routes[0].rewrite =
                    Some(json!({"regex": {"pattern": pattern, "substitution": substitution}}));
            })
        };
        assert!(rewritten("^/v([0-9]+)/", r"/\1/\0").is_empty());
        for (pattern, substitution, why) in [
            ("(", "/", "regex.pattern: '(' is no regular expression"),
            ("^/a", r"/\1", "regex.substitution: a backslash is followed by the number of a group, 0 to 0"),
            ("^/a", r"/\", "regex.substitution: a backslash is followed"),
            ("^/a", "/ ", "regex.substitution: ' ' is no character of a path"),
            ("^/a", "", "regex.substitution: must be 1 to 1024"),
        ] {
            let found = rewritten(pattern, substitution);
            assert!(found.len() == 1 && found[0].contains(why), "{substitution}: {found:?}");
        }
    }
}
