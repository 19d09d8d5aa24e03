//! Random histories: a model and resources that were made step by step are those that are made at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use proptest::prelude::*;
use serde_json::json;

use super::{Translator, tests::settings};
use crate::{
    model::{
        Model,
        sample::{
            api_key, certificate, consumer, endpoint, gateway, https, keyring, policy, provider, route,
            target, upstream,
        },
    },
    snapshot::Resource,
    store::{ApiKeyRow, CertificateRow, Changed, JwtProviderRow, RouteRow, Rows, Things},
};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// A change of one thing, some of which make no sense: hosts that no gateway takes, references that lead nowhere, equal
/// routes.
#[derive(Debug, Clone)]
enum Step {
    Gateway {
        sharding: &'static str,
        is_there: bool,
    },
    Upstream {
        name: &'static str,
        timeout: Option<i32>,
        port: i32,
    },
    Route {
        name: &'static str,
        route: Option<RouteStep>,
    },
    Provider {
        leeway: Option<i32>,
    },
    Consumer {
        name: &'static str,
        is_there: bool,
    },
    /// Of a consumer, for a route or for any.
    Key {
        key: &'static str,
        holder: Option<(&'static str, Option<&'static str>)>,
    },
    Listener {
        name: &'static str,
        port: Option<i32>,
        certificates: Vec<&'static str>,
    },
    Certificate {
        name: &'static str,
        choice: Option<usize>,
    },
}

/// Certificates to choose from, by the index of their name; the second of each has a name that others have too.
static CERTIFICATES: LazyLock<[[CertificateRow; 2]; 3]> = LazyLock::new(|| {
    NAMES.map(|name| [certificate(name, &[&format!("{name}.com")]), certificate(name, &["a.com"])])
});

#[derive(Debug, Clone)]
struct RouteStep {
    host: &'static str,
    path: &'static str,
    upstream: &'static str,
    gateways: Vec<&'static str>,
    has_policy: bool,
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(NAMES.to_vec())
}

fn step() -> impl Strategy<Value = Step> {
    let route = (
        prop_oneof![8 => prop::sample::select(vec!["x.com", "y.com"]), 1 => prop::sample::select(vec!["*.com", "*"])],
        prop_oneof![9 => prop::sample::select(vec!["/", "/a", "/b"]), 1 => Just("bad")],
        name(),
        prop::sample::subsequence(vec!["ferrox", "other"], 1..=2),
        prop::bool::weighted(0.3),
    );
    let route = route.prop_map(|(host, path, upstream, gateways, has_policy)| RouteStep {
        host,
        path,
        upstream,
        gateways,
        has_policy,
    });
    prop_oneof![
        1 => (prop::sample::select(vec!["none", "host"]), prop::bool::weighted(0.9))
            .prop_map(|(sharding, is_there)| Step::Gateway { sharding, is_there }),
        3 => (name(), prop::option::weighted(0.95, 1..3), 1..3)
            .prop_map(|(name, timeout, port)| Step::Upstream { name, timeout, port }),
        6 => (name(), prop::option::weighted(0.8, route)).prop_map(|(name, route)| Step::Route { name, route }),
        2 => prop::option::weighted(0.8, 299..302).prop_map(|leeway| Step::Provider { leeway }),
        1 => (name(), any::<bool>()).prop_map(|(name, is_there)| Step::Consumer { name, is_there }),
        3 => (name(), prop::option::weighted(0.8, (name(), prop::option::weighted(0.2, name()))))
            .prop_map(|(key, holder)| Step::Key { key, holder }),
        2 => (name(), prop::option::weighted(0.8, 80..82), prop::sample::subsequence(NAMES.to_vec(), 1..=2))
            .prop_map(|(name, port, certificates)| Step::Listener { name, port, certificates }),
        2 => (name(), prop::option::weighted(0.9, 0..2usize))
            .prop_map(|(name, choice)| Step::Certificate { name, choice }),
    ]
}

/// Changes the rows; returns what has changed.
fn apply(rows: &mut Rows, step: Step) -> Things {
    let one = |name: &str| BTreeSet::from([name.to_owned()]);
    match step {
        Step::Gateway { sharding, is_there } => {
            rows.gateways.retain(|row| row.name != "other");
            rows.gateways.extend(is_there.then(|| gateway("other", sharding)));
            Things { gateways: one("other"), ..Things::default() }
        }
        Step::Upstream { name, timeout, port } => {
            rows.upstreams.retain(|row| row.name != name);
            rows.endpoints.retain(|row| row.upstream != name);
            if let Some(timeout) = timeout {
                let mut row = upstream(name);
                row.connect_timeout_ms = timeout;
                rows.upstreams.push(row);
                rows.endpoints.push(endpoint(name, "127.0.0.1", port));
            }
            Things { upstreams: one(name), ..Things::default() }
        }
        Step::Route { name, route } => {
            set_route(rows, name, route);
            Things { routes: one(name), ..Things::default() }
        }
        Step::Provider { leeway } => {
            rows.jwt_providers.clear();
            let row = |leeway_seconds| JwtProviderRow { leeway_seconds, ..provider("id", "https://id") };
            rows.jwt_providers.extend(leeway.map(row));
            Things { jwt_providers: one("id"), ..Things::default() }
        }
        Step::Consumer { name, is_there } => {
            rows.consumers.retain(|row| row.name != name);
            rows.consumers.extend(is_there.then(|| consumer(name, &["x"])));
            Things { consumers: one(name), ..Things::default() }
        }
        Step::Key { key, holder } => {
            let row = api_key(key, holder.map_or("", |(consumer, _)| consumer));
            rows.live.api_keys.retain(|other| other.sha256 != row.sha256);
            let things = Things { api_keys: one(&row.sha256), ..Things::default() };
            let routes = |route: Option<&str>| route.iter().map(ToString::to_string).collect();
            rows.live.api_keys.extend(holder.map(|(_, route)| ApiKeyRow { routes: routes(route), ..row }));
            things
        }
        Step::Listener { name, port, certificates } => {
            rows.listeners.retain(|row| row.name != name);
            rows.listeners.extend(port.map(|port| https(name, port, &certificates)));
            Things { listeners: one(name), ..Things::default() }
        }
        Step::Certificate { name, choice } => {
            rows.certificates.retain(|row| row.name != name);
            let index = NAMES.iter().position(|known| *known == name).unwrap();
            rows.certificates.extend(choice.map(|choice| CERTIFICATES[index][choice].clone()));
            Things { certificates: one(name), ..Things::default() }
        }
    }
}

fn set_route(rows: &mut Rows, name: &str, step: Option<RouteStep>) {
    rows.routes.retain(|row| row.name != name);
    rows.route_upstreams.retain(|row| row.route != name);
    rows.route_policies.retain(|row| row.route != name);
    let Some(step) = step else { return };
    let mut row = route(name, step.path);
    row.hosts = vec![step.host.to_owned()];
    row.gateways = step.gateways.iter().map(ToString::to_string).collect();
    rows.routes.push(row);
    rows.route_upstreams.push(target(name, step.upstream, 1));
    if step.has_policy {
        rows.route_policies.push(policy(name, "auth", json!({"jwt": {"providers": ["id"]}})));
    }
}

/// A route of a random kind: also ones between which only the name decides.
fn any_route(index: usize) -> impl Strategy<Value = RouteRow> {
    let path = prop::sample::select(vec![
        ("prefix", "/"),
        ("prefix", "/a"),
        ("exact", "/a"),
        ("regex", "/.+"),
        ("regex", "/a|/b"),
        ("template", "/{a}"),
        ("template", "/{a=**}"),
        ("grpc", ""),
    ]);
    let host = prop::sample::select(vec!["*", "*.com", "x.com"]);
    let methods = prop::sample::subsequence(vec!["GET", "PUT"], 0..=2);
    let rules = || prop::sample::subsequence(vec!["a", "b", "c"], 0..=3);
    let percent = prop::option::weighted(0.3, 0..100);
    (path, host, methods, -1..2, rules(), rules(), percent).prop_map(
        move |((kind, path), host, methods, priority, headers, query, percent)| {
            let rules = |names: Vec<&str>| names.iter().map(|name| json!({"name": name, "present": true})).collect::<Vec<_>>();
            let grpc = (kind == "grpc").then(|| json!({"service": "a.B"}));
            let set = |column: &str| (kind == column).then(|| path.to_owned());
            RouteRow {
                hosts: vec![host.to_owned()],
                methods: methods.iter().map(ToString::to_string).collect(),
                priority,
                path_prefix: set("prefix"),
                path_exact: set("exact"),
                path_regex: set("regex"),
                path_template: set("template"),
                conditions: Some(
                    json!({"headers": rules(headers), "query": rules(query), "grpc": grpc, "percent": percent}),
                ),
                ..route(&format!("r{index}"), "")
            }
        },
    )
}

fn any_routes() -> impl Strategy<Value = (Vec<RouteRow>, Vec<RouteRow>)> {
    let routes: Vec<_> = (0..12).map(any_route).collect();
    routes.prop_flat_map(|routes| (Just(routes.clone()), Just(routes).prop_shuffle()))
}

/// The resources of all gateways, or why there are none.
fn translated(routes: Vec<RouteRow>) -> Result<BTreeMap<String, Vec<Arc<Resource>>>, BTreeSet<String>> {
    let route_upstreams = routes.iter().map(|route| target(&route.name, "a", 1)).collect();
    let rows = Rows { upstreams: vec![upstream("a")], routes, route_upstreams, ..Rows::default() };
    match Model::parse(&rows, &keyring()) {
        Ok(model) => Ok(Translator::new(settings()).translate(&model)),
        Err(problems) => Err(sorted(problems)),
    }
}

fn sorted(problems: Vec<crate::model::Problem>) -> BTreeSet<String> {
    problems.iter().map(ToString::to_string).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn the_order_of_rows_does_not_matter((routes, shuffled) in any_routes()) {
        prop_assert_eq!(translated(routes), translated(shuffled));
    }

    #[test]
    fn what_is_made_step_by_step_is_what_is_made_at_once(
        steps in prop::collection::vec(prop::collection::vec(step(), 1..3), 1..20),
    ) {
        let mut rows = Rows {
            gateways: vec![gateway("ferrox", "none"), gateway("other", "host")],
            upstreams: NAMES.map(upstream).to_vec(),
            jwt_providers: vec![provider("id", "https://id")],
            certificates: CERTIFICATES.each_ref().map(|[first, _]| first.clone()).to_vec(),
            ..Rows::default()
        };
        let mut model = Model::parse(&rows, &keyring()).unwrap();
        let mut translator = Translator::new(settings());
        let mut pending = Changed::default();
        for step in steps {
            for step in step {
                pending = pending.and(Changed::Things(apply(&mut rows, step)));
            }
            let at_once = Model::parse(&rows, &keyring());
            match model.updated(&rows, &pending, &keyring()) {
                Ok(updated) => {
                    let at_once = at_once.unwrap();
                    prop_assert!(updated == at_once);
                    let fresh = Translator::new(settings()).translate(&at_once);
                    prop_assert_eq!(translator.translate(&updated), fresh);
                    for (before, after) in model.routes().flat_map(|before| updated.routes().map(move |after| (before, after))) {
                        prop_assert!(before != after || Arc::ptr_eq(before, after));
                    }
                    for (before, after) in model.certificates().flat_map(|before| updated.certificates().map(move |after| (before, after))) {
                        prop_assert!(before != after || Arc::ptr_eq(before, after));
                    }
                    (model, pending) = (updated, Changed::default());
                }
                Err(problems) => prop_assert_eq!(sorted(problems), sorted(at_once.unwrap_err())),
            }
        }
    }
}
