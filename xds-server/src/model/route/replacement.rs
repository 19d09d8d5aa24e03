//! Whether what a route matches can be replaced.

use super::{Action, PathRewrite, RedirectPath};
use crate::model::{PathMatch, Pattern, problem::RowCheck};

/// Only the beginning of a path is replaced, or all of an exact one.
pub(super) fn check(path: &PathMatch, action: &Action, check: &mut RowCheck<'_>) {
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

fn asked(action: &Action) -> Option<(&'static str, &str)> {
    match action {
        Action::Forward(forward) => match &forward.rewrite.path {
            Some(PathRewrite::Prefix(with)) => Some(("rewrite.prefix", with)),
            None => None,
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
}
