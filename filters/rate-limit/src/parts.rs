//! The parts by which a limit tells requests apart, as one part of a key.

use ferrox_policy::{
    identity::Identity,
    key::Key,
    rate_limit::{Limit, Part},
};

use crate::{
    client::{Client, Said},
    network::network,
    request::{self, Values},
};

/// A digest of all parts, each with what it is: bounded whatever a client sends, and without a session or a key in it that
/// somebody who reads Redis could use.
pub(crate) fn digest(parts: &[Part], limit: &Limit, client: &Client<'_>) -> String {
    parts.iter().fold(Key::new("parts"), |key, part| append(key, part, limit, client)).digest()
}

fn append(key: Key, part: &Part, limit: &Limit, client: &Client<'_>) -> Key {
    let headers = || client.headers();
    match part {
        Part::Address => {
            key.part("address").optional(client.address().map(|address| network(address, limit)).as_deref())
        }
        Part::Consumer => append_identity(key.part("consumer"), client, |it| it.consumer.clone()),
        Part::ApiKey => append_identity(key.part("api_key"), client, |it| it.api_key.clone()),
        Part::Issuer => append_identity(key.part("issuer"), client, |it| it.issuer.clone()),
        Part::Subject => append_identity(key.part("subject"), client, |it| it.subject.clone()),
        Part::Claim(path) => append_said(key.part("claim").part(path.to_json()), client.claim(path)),
        Part::Header(name) => append_set(key.part("header").part(name), request::in_header(headers(), name)),
        Part::Query(name) => append_set(key.part("query").part(name), request::in_query(headers(), name)),
        Part::Cookie(name) => append_set(key.part("cookie").part(name), request::in_cookies(headers(), name)),
        Part::Route => key.part("route").optional(client.route()),
        Part::Upstream => key.part("upstream").optional(client.upstream()),
        Part::Method => key.part("method").part(request::method(headers())),
        Part::Host => key.part("host").part(request::host(headers())),
        Part::Path => key.part("path").list(request::segments(headers()).into_iter()),
        Part::PathTemplate(template) => {
            let key = key.part("path_template").part(template.as_str());
            match template.find(&request::segments(headers())) {
                None => key.absent(),
                Some(found) => key.list(found.into_iter()),
            }
        }
    }
}

fn append_identity(key: Key, client: &Client<'_>, of: impl Fn(&Identity) -> Option<String>) -> Key {
    let said = match client.identity() {
        Said::Nothing => Said::Nothing,
        Said::This(identity) => of(identity).map_or(Said::Nothing, Said::This),
        Said::Unreadable(state) => Said::Unreadable(state.clone()),
    };
    append_said(key, said)
}

fn append_said(key: Key, said: Said<String>) -> Key {
    match said {
        Said::Nothing => key.absent(),
        Said::This(text) => key.part("this").part(text),
        Said::Unreadable(state) => key.part("unreadable").part(state),
    }
}

fn append_set(key: Key, values: Values<'_>) -> Key {
    key.list(values.into_iter())
}
