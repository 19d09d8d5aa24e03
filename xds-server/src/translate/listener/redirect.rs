//! The routes of a listener that sends its clients to https.

use envoy_types::pb::envoy::config::route::v3::{
    RedirectAction, Route, RouteConfiguration, RouteMatch, VirtualHost,
    redirect_action::{RedirectResponseCode, SchemeRewriteSpecifier},
    route::Action,
    route_match::PathSpecifier,
};

/// The port that https has when none is named (RFC 9110 section 4.2.2).
const HTTPS: u16 = 443;

/// Every request is answered by 308, so that its method and body are kept (RFC 9110 section 15.4.9).
pub(super) fn to_https(port: u16) -> RouteConfiguration {
    let redirect = RedirectAction {
        scheme_rewrite_specifier: Some(SchemeRewriteSpecifier::HttpsRedirect(true)),
        // 0 leaves it out: what the request names has been stripped from the host.
        port_redirect: if port == HTTPS { 0 } else { port.into() },
        response_code: RedirectResponseCode::PermanentRedirect.into(),
        ..RedirectAction::default()
    };
    let route = Route {
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
            ..RouteMatch::default()
        }),
        action: Some(Action::Redirect(redirect)),
        ..Route::default()
    };
    let host = VirtualHost {
        name: "any".to_owned(),
        domains: vec!["*".to_owned()],
        routes: vec![route],
        ..VirtualHost::default()
    };
    RouteConfiguration { virtual_hosts: vec![host], ..RouteConfiguration::default() }
}
