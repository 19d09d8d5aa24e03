//! Where clients are sent.

use envoy_types::pb::envoy::config::route::v3::{
    RedirectAction,
    redirect_action::{PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier},
};

use super::prefix::{self, Replacement};
use crate::model::{PathMatch, Redirect, RedirectPath, RedirectStatus, Scheme};

/// They are sent elsewhere. `path` is what the route matches.
pub(super) fn to(redirect: &Redirect, path: &PathMatch) -> RedirectAction {
    RedirectAction {
        host_redirect: redirect.host.clone().unwrap_or_default(),
        port_redirect: redirect.port.map(u32::from).unwrap_or_default(),
        response_code: code(redirect.status).into(),
        strip_query: redirect.strip_query,
        scheme_rewrite_specifier: redirect.scheme.map(scheme),
        path_rewrite_specifier: redirect.path.as_ref().map(|to| replacement(to, path)),
    }
}

fn scheme(scheme: Scheme) -> SchemeRewriteSpecifier {
    let name = match scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    SchemeRewriteSpecifier::SchemeRedirect(name.to_owned())
}

fn replacement(to: &RedirectPath, path: &PathMatch) -> PathRewriteSpecifier {
    match to {
        RedirectPath::Whole(to) => PathRewriteSpecifier::PathRedirect(to.clone()),
        RedirectPath::Prefix(with) => match prefix::replace(path, with) {
            Replacement::Prefix(with) => PathRewriteSpecifier::PrefixRewrite(with),
            Replacement::Regex(regex) => PathRewriteSpecifier::RegexRewrite(regex),
        },
    }
}

fn code(status: RedirectStatus) -> RedirectResponseCode {
    match status {
        RedirectStatus::MovedPermanently => RedirectResponseCode::MovedPermanently,
        RedirectStatus::Found => RedirectResponseCode::Found,
        RedirectStatus::SeeOther => RedirectResponseCode::SeeOther,
        RedirectStatus::TemporaryRedirect => RedirectResponseCode::TemporaryRedirect,
        RedirectStatus::PermanentRedirect => RedirectResponseCode::PermanentRedirect,
    }
}
