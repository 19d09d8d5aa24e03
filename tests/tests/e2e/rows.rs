//! Rows for tests, as SQL.

use ferrox_testbed::upstream::Upstream;
use serde_json::Value;

/// An upstream with one endpoint, and defaults for everything else.
pub(crate) fn upstream(upstream: &Upstream) -> String {
    let name = upstream.name();
    format!("insert into upstreams (name) values ('{name}');") + &endpoint(name, upstream.port())
}

/// One more endpoint of an upstream.
pub(crate) fn endpoint(upstream: &str, port: u16) -> String {
    format!("insert into endpoints (upstream, address, port) values ('{upstream}', '127.0.0.1', {port});")
}

/// An upstream with these columns set, on a route of its name.
pub(crate) fn routed(upstream: &Upstream, columns: &str) -> String {
    let name = upstream.name();
    self::upstream(upstream)
        + &route(name, name)
        + &format!("update upstreams set {columns} where name = '{name}';")
}

/// A route for any host, named as the first segment of its path, to one upstream.
pub(crate) fn route(name: &str, upstream: &str) -> String {
    let route = format!("insert into routes (name, path_prefix) values ('{name}', '/{name}');");
    route + &target(name, upstream)
}

/// An upstream to which a route leads too, with the same weight as any other.
pub(crate) fn target(route: &str, upstream: &str) -> String {
    format!("insert into route_upstreams (route, upstream) values ('{route}', '{upstream}');")
}

/// An upstream is added and takes the place of another in every route.
pub(crate) fn takeover(old: &Upstream, new: &Upstream) -> String {
    format!(
        "{} update route_upstreams set upstream = '{}' where upstream = '{}';",
        upstream(new),
        new.name(),
        old.name()
    )
}

/// An upstream that no route leads to is removed.
pub(crate) fn removal(upstream: &Upstream) -> String {
    format!("delete from upstreams where name = '{}';", upstream.name())
}

/// A policy of a route.
pub(crate) fn policy(route: &str, kind: &str, policy: &Value) -> String {
    format!("insert into route_policies (route, kind, policy) values ('{route}', '{kind}', '{policy}');")
}

/// A JWT provider with the issuer `https://issuer.test/<name>` and the audience `ferrox`.
pub(crate) fn provider(name: &str, jwks: &Value) -> String {
    format!(
        "insert into jwt_providers (name, issuer, audiences, jwks)
         values ('{name}', '{}', '{{ferrox}}', '{jwks}');",
        issuer(name)
    )
}

/// The issuer of a provider made by [`provider`].
pub(crate) fn issuer(provider: &str) -> String {
    format!("https://issuer.test/{provider}")
}

/// A consumer with one API key and scopes separated by commas.
pub(crate) fn consumer(name: &str, scopes: &str, key: &str) -> String {
    format!(
        "insert into consumers (name, scopes) values ('{name}', '{{{scopes}}}');
         insert into api_keys (sha256, consumer) values (sha256('{key}'), '{name}');"
    )
}
