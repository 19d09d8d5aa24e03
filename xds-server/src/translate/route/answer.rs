//! What Envoy answers by itself.

use envoy_types::pb::envoy::config::{
    core::v3::{DataSource, HeaderValueOption, data_source::Specifier},
    route::v3::{DirectResponseAction, route::Action},
};

use super::headers;
use crate::model::{Maintenance, Response};

pub(super) fn response(response: &Response) -> (Action, Vec<HeaderValueOption>) {
    answer(response.status, &response.body, response.content_type.as_deref())
}

pub(super) fn maintenance(maintenance: &Maintenance) -> (Action, Vec<HeaderValueOption>) {
    let Maintenance { status, body, content_type, retry_after_seconds } = maintenance;
    let (action, mut own) = answer(*status, body, content_type.as_deref());
    own.extend(retry_after_seconds.map(|seconds| headers::literal("retry-after", &seconds.to_string())));
    (action, own)
}

fn answer(status: u16, body: &str, content_type: Option<&str>) -> (Action, Vec<HeaderValueOption>) {
    let body = (!body.is_empty()).then(|| DataSource {
        specifier: Some(Specifier::InlineString(body.to_owned())),
        ..DataSource::default()
    });
    let action = DirectResponseAction { status: status.into(), body, ..DirectResponseAction::default() };
    let content_type = content_type.map(|value| headers::literal("content-type", value));
    (Action::DirectResponse(action), content_type.into_iter().collect())
}
