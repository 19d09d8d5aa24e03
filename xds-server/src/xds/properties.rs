//! Random histories: whatever happens in whatever order, a client ends with what the snapshot holds.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use proptest::prelude::*;

use super::{
    delta::{Delta, DeltaRequest},
    session::{Answer, Response, Session, Subscription},
    sotw::{Sotw, SotwRequest},
};
use crate::snapshot::{Kind, Resource, Snapshot};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// The configuration of a model gateway: some clusters, each in one of two forms, and a route to some of them.
#[derive(Debug, Clone)]
struct World {
    clusters: BTreeMap<&'static str, u8>,
}

impl World {
    fn snapshot(&self, routes: Kind) -> Arc<Snapshot> {
        let clusters = self.clusters.iter().flat_map(|(name, form)| {
            // The last form has the content of the first, but no wildcard brings it.
            let resources = [
                Resource::new(Kind::Cluster, *name, vec![form % 3]),
                Resource::new(Kind::Endpoints, *name, vec![form % 2]),
            ];
            resources.map(|resource| if is_listed(*form) { resource } else { resource.unlisted() })
        });
        // The route refers to every listed cluster, so a cluster that goes too early is noticed.
        let listed = self.clusters.iter().filter(|(_, form)| is_listed(**form)).map(|(name, _)| *name);
        let route = listed.collect::<Vec<_>>().join(",");
        let route = Resource::new(routes, "route", route.into_bytes());
        Arc::new(Snapshot::new(clusters.chain([route])))
    }
}

fn is_listed(form: u8) -> bool {
    form < 3
}

#[derive(Debug, Clone)]
enum Step {
    Change(World),
    /// The server sends at most one response, which the client has not read yet.
    Send,
    /// The client reads one response and answers it: accepting or refusing it.
    Read {
        accepts: bool,
    },
    /// One request of the client arrives.
    Arrive,
    Reconnect,
}

fn world() -> impl Strategy<Value = World> {
    prop::collection::btree_map(prop::sample::select(NAMES.to_vec()), 0..4u8, 0..4)
        .prop_map(|clusters| World { clusters })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => world().prop_map(Step::Change),
        4 => Just(Step::Send),
        4 => prop::bool::weighted(0.9).prop_map(|accepts| Step::Read { accepts }),
        4 => Just(Step::Arrive),
        1 => Just(Step::Reconnect),
    ]
}

/// A client's side of a variant.
trait Variant: Subscription {
    fn first(kind: Kind, names: Vec<String>, held: &Held) -> Self::Request;
    /// The request that answers `response`, with the names that the client now wants.
    fn follow(kind: Kind, held: &Held, names: &BTreeSet<String>, before: &BTreeSet<String>) -> Self::Request;
}

/// What the client has of one kind.
#[derive(Debug, Default, Clone)]
struct Held {
    resources: BTreeMap<String, Arc<Resource>>,
    version: String,
}

impl Variant for Delta {
    fn first(_kind: Kind, names: Vec<String>, held: &Held) -> DeltaRequest {
        let initial_versions: HashMap<_, _> =
            held.resources.values().map(|r| (r.name().to_owned(), r.version().to_owned())).collect();
        DeltaRequest { subscribe: names, unsubscribe: Vec::new(), initial_versions }
    }

    fn follow(_: Kind, _: &Held, names: &BTreeSet<String>, before: &BTreeSet<String>) -> DeltaRequest {
        DeltaRequest {
            subscribe: names.difference(before).cloned().collect(),
            unsubscribe: before.difference(names).cloned().collect(),
            initial_versions: HashMap::new(),
        }
    }
}

impl Variant for Sotw {
    fn first(_kind: Kind, names: Vec<String>, held: &Held) -> SotwRequest {
        SotwRequest { names, version: held.version.clone() }
    }

    fn follow(_: Kind, held: &Held, names: &BTreeSet<String>, _: &BTreeSet<String>) -> SotwRequest {
        SotwRequest { names: names.iter().cloned().collect(), version: held.version.clone() }
    }
}

/// A proxy that behaves as Envoy does: clusters by wildcard, endpoints of the clusters that it has, and one route
/// configuration by name or in a scope, which comes by wildcard.
struct Proxy<V: Variant> {
    /// The kind of its routes.
    routes: Kind,
    session: Session<V>,
    world: World,
    held: BTreeMap<Kind, Held>,
    /// Nonces of the last responses read, and the names last asked for.
    asked: BTreeMap<Kind, BTreeSet<String>>,
    to_client: VecDeque<Response>,
    to_server: VecDeque<(Kind, Option<Answer>, V::Request)>,
    nonces: BTreeMap<Kind, String>,
    /// Whether no cluster may go before the route to it. In state of the world a stream cannot hold back what it has never
    /// seen, so this is not promised there once the client has reconnected.
    promised: bool,
    /// Whether a response was refused since the client last accepted one of its kind.
    refused: BTreeSet<Kind>,
    ever_refused: bool,
}

impl<V: Variant> Proxy<V> {
    fn new(routes: Kind, world: World) -> Self {
        let mut proxy = Self {
            routes,
            session: Session::default(),
            world,
            held: BTreeMap::new(),
            asked: BTreeMap::new(),
            to_client: VecDeque::new(),
            to_server: VecDeque::new(),
            nonces: BTreeMap::new(),
            promised: true,
            refused: BTreeSet::new(),
            ever_refused: false,
        };
        proxy.connect();
        proxy
    }

    fn connect(&mut self) {
        self.session = Session::default();
        self.session.on_snapshot(self.world.snapshot(self.routes));
        self.to_client.clear();
        self.to_server.clear();
        self.nonces.clear();
        self.asked.clear();
        for kind in [Kind::Cluster, Kind::Endpoints, self.routes] {
            let names = self.wanted(kind);
            let held = self.held.entry(kind).or_default();
            self.to_server.push_back((kind, None, V::first(kind, names.iter().cloned().collect(), held)));
            self.asked.insert(kind, names);
        }
    }

    /// A state-of-the-world client that applied the good part of what it refused reports the version before it, so no
    /// server can know after a reconnect what it has. Such a client is taken for one that starts anew.
    fn forget_what_was_refused(&mut self) {
        if is_delta::<V>() {
            return;
        }
        for kind in std::mem::take(&mut self.refused) {
            self.held.insert(kind, Held::default());
        }
    }

    fn wanted(&self, kind: Kind) -> BTreeSet<String> {
        match kind {
            Kind::Endpoints => {
                self.held.get(&Kind::Cluster).iter().flat_map(|held| held.resources.keys().cloned()).collect()
            }
            Kind::RouteConfiguration => BTreeSet::from(["route".to_owned()]),
            _ => BTreeSet::new(),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Change(world) => {
                self.session.on_snapshot(world.snapshot(self.routes));
                self.world = world;
            }
            Step::Send => {
                let response = self.session.next();
                self.to_client.extend(response);
            }
            Step::Read { accepts } => {
                if let Some(response) = self.to_client.pop_front() {
                    self.read(&response, accepts);
                }
            }
            Step::Arrive => {
                if let Some((kind, answer, request)) = self.to_server.pop_front() {
                    self.session.on_request(kind, answer, request);
                }
            }
            Step::Reconnect => {
                self.promised &= is_delta::<V>();
                self.forget_what_was_refused();
                self.connect();
            }
        }
    }

    /// Applies a response, as Envoy does also with the good part of what it refuses.
    fn read(&mut self, response: &Response, accepts: bool) {
        let kind = response.kind;
        // What was asked for earlier may still come; nobody keeps it.
        let wanted = self.wanted(kind);
        let keeps = |name: &str| kind.is_full_state() || wanted.contains(name);
        let held = self.held.entry(kind).or_default();
        let before: BTreeMap<_, _> = held.resources.clone();
        if kind.is_full_state() && response.update.removed.is_empty() && !is_delta::<V>() {
            held.resources.clear();
        }
        for resource in response.update.resources.iter().filter(|resource| keeps(resource.name())) {
            held.resources.insert(resource.name().to_owned(), Arc::clone(resource));
        }
        for name in &response.update.removed {
            held.resources.remove(name);
        }
        if accepts {
            held.version.clone_from(&response.version);
            self.refused.remove(&kind);
        } else {
            self.refused.insert(kind);
            self.ever_refused = true;
        }
        if kind == Kind::Cluster && self.promised {
            self.check_no_route_lost_its_cluster(&before);
        }
        if kind == self.routes && self.promised {
            self.check_no_route_came_before_its_cluster();
        }
        let refusal = (!accepts).then(|| "no".to_owned());
        self.nonces.insert(kind, response.nonce.clone());
        self.request(kind, Some(Answer { nonce: response.nonce.clone(), refusal }));
        if kind == Kind::Cluster {
            let now = self.wanted(Kind::Endpoints);
            // What is no longer asked for is dropped.
            self.held.entry(Kind::Endpoints).or_default().resources.retain(|name, _| now.contains(name));
            let nonce = self.nonces.get(&Kind::Endpoints).cloned();
            self.request(Kind::Endpoints, nonce.map(|nonce| Answer { nonce, refusal: None }));
        }
    }

    fn request(&mut self, kind: Kind, answer: Option<Answer>) {
        let names = self.wanted(kind);
        let before = self.asked.insert(kind, names.clone()).unwrap_or_default();
        let request = V::follow(kind, &self.held[&kind], &names, &before);
        self.to_server.push_back((kind, answer, request));
    }

    fn check_no_route_lost_its_cluster(&self, before: &BTreeMap<String, Arc<Resource>>) {
        for target in self.targets() {
            let has = self.held[&Kind::Cluster].resources.contains_key(&target);
            assert!(has || !before.contains_key(&target), "cluster {target} went before the route to it");
        }
    }

    fn check_no_route_came_before_its_cluster(&self) {
        for target in self.targets() {
            for kind in [Kind::Cluster, Kind::Endpoints] {
                let has = self.held[&kind].resources.contains_key(&target);
                assert!(has, "the route to {target} came before its {kind:?}");
            }
        }
    }

    /// The clusters that the client's route leads to.
    fn targets(&self) -> Vec<String> {
        let route = self.held.get(&self.routes).and_then(|held| held.resources.get("route"));
        let route =
            route.map(|route| String::from_utf8(route.encoded().to_vec()).unwrap()).unwrap_or_default();
        route.split(',').filter(|target| !target.is_empty()).map(str::to_owned).collect()
    }

    /// Lets everything that is under way arrive.
    fn settle(&mut self) {
        for _ in 0..200 {
            let response = self.session.next();
            let idle = response.is_none() && self.to_client.is_empty() && self.to_server.is_empty();
            if idle {
                return;
            }
            self.to_client.extend(response);
            self.take(Step::Read { accepts: true });
            self.take(Step::Arrive);
        }
        panic!("it never settles");
    }

    fn check_has_the_world(&self) {
        let snapshot = self.world.snapshot(self.routes);
        for kind in [Kind::Cluster, Kind::Endpoints, self.routes] {
            let expected = snapshot.all(kind).filter(|resource| resource.is_listed());
            assert_eq!(versions(self.held[&kind].resources.values()), versions(expected), "{kind:?}");
        }
    }
}

fn versions<'a>(resources: impl Iterator<Item = &'a Arc<Resource>>) -> BTreeMap<&'a str, &'a str> {
    resources.map(|resource| (resource.name(), resource.version())).collect()
}

fn is_delta<V: Subscription>() -> bool {
    !V::DROPS_STALE
}

fn check<V: Variant>(routes: Kind, world: World, steps: Vec<Step>) {
    let mut proxy = Proxy::<V>::new(routes, world);
    for step in steps {
        proxy.take(step);
    }
    proxy.settle();
    if proxy.session.is_holding_back() {
        // Only who refuses something is waited for in vain, and then nothing is promised.
        assert!(proxy.ever_refused, "it waits for something that does not come");
        proxy.promised = false;
        proxy.session.on_grace_over();
        proxy.settle();
    }
    proxy.check_has_the_world();
}

fn history() -> impl Strategy<Value = (Kind, World, Vec<Step>)> {
    (prop::sample::select(Kind::ROUTES.to_vec()), world(), prop::collection::vec(step(), 0..60))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(768))]

    #[test]
    fn a_delta_client_ends_with_the_snapshot((routes, world, steps) in history()) {
        check::<Delta>(routes, world, steps);
    }

    #[test]
    fn a_sotw_client_ends_with_the_snapshot((routes, world, steps) in history()) {
        check::<Sotw>(routes, world, steps);
    }
}
