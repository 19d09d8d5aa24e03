//! What becomes of the requests of a route.

use envoy_types::pb::envoy::config::{core::v3::HeaderValueOption, route::v3::route::Action};

use super::{answer, forward, redirect};
use crate::model::{self, Route};

/// The action of a route, and headers that its answers have because of it.
pub(super) fn of(route: &Route) -> (Action, Vec<HeaderValueOption>) {
    if let Some(maintenance) = &route.maintenance {
        return answer::maintenance(maintenance);
    }
    match &route.action {
        model::Action::Forward(to) => (Action::Route(forward::to(to, &route.path)), Vec::new()),
        model::Action::Redirect(to) => (Action::Redirect(redirect::to(to, &route.path)), Vec::new()),
        model::Action::Respond(response) => answer::response(response),
    }
}
