//! A long random history of transactions, read step by step.

use std::collections::{BTreeMap, BTreeSet};

use ferrox_xds_server::store::{Changed, Rows, Things};
use proptest::{
    prelude::RngExt,
    test_runner::{TestRng, TestRunner},
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::{TABLES, read, start, to_json};

const STEPS: usize = 1_500;

/// One of two who change rows at the same time. The names of its things begin with its own letter, so that neither waits
/// for the other.
struct Writer {
    letter: char,
    sql: PgConnection,
    in_transaction: bool,
}

/// What a step may have committed.
#[derive(Debug, PartialEq)]
enum Committed {
    Nothing,
    Own,
    Everything,
}

impl Writer {
    async fn step(&mut self, rng: &mut TestRng, alone: bool) -> Committed {
        let statement = statement(rng, self.letter);
        if !self.in_transaction {
            return match rng.random_range(0..20) {
                0..8 => self.run("begin").await,
                8 if alone => {
                    let table = TABLES[rng.random_range(0..TABLES.len())];
                    self.run(&format!("truncate {table} cascade")).await;
                    Committed::Everything
                }
                _ => self.run(&statement).await,
            };
        }
        match rng.random_range(0..10) {
            0 => self.run("rollback").await,
            1..3 => self.run("commit").await,
            3 => self.run(&format!("savepoint s; {statement}; rollback to s")).await,
            _ => self.run(&statement).await,
        }
    }

    /// A statement may be refused, and with it its transaction.
    async fn run(&mut self, statement: &str) -> Committed {
        let done = self.sql.execute(AssertSqlSafe(statement)).await;
        if done.is_err() && self.in_transaction {
            self.sql.execute("rollback").await.unwrap();
        }
        let was_in_transaction = self.in_transaction;
        self.in_transaction = match statement {
            "begin" => true,
            "commit" | "rollback" => false,
            _ => was_in_transaction && done.is_ok(),
        };
        let commits = if was_in_transaction { statement == "commit" } else { done.is_ok() };
        if commits { Committed::Own } else { Committed::Nothing }
    }
}

fn statement(rng: &mut TestRng, letter: char) -> String {
    let [a, b] = [(); 2].map(|()| format!("{letter}{}", rng.random_range(0..6)));
    let number = rng.random_range(1..1000);
    let named =
        ["gateways", "upstreams", "routes", "jwt_providers", "consumers", "listeners", "certificates"];
    let table = named[rng.random_range(0..named.len())];
    match rng.random_range(0..25) {
        0..3 => format!("update {table} set name = '{b}' where name = '{a}'"),
        3 => format!("delete from {table} where name in ('{a}', '{b}')"),
        4 => format!("insert into gateways values ('{a}')"),
        5 => format!(
            "insert into upstreams values ('{a}'), ('{b}')
             on conflict (name) do update set max_retries = {number}"
        ),
        6 => format!("insert into endpoints values ('{a}', '10.0.0.1', {number})"),
        7 => format!("update endpoints set upstream = '{b}' where upstream = '{a}'"),
        8 => format!("delete from endpoints where upstream = '{a}'"),
        9 => format!("insert into routes (name, path_prefix) values ('{a}', '/{number}')"),
        10 => format!("update routes set priority = {number} where name like '{letter}%'"),
        11 => format!("insert into route_upstreams values ('{a}', '{b}', {number})"),
        12 => format!("update route_upstreams set route = '{b}' where route = '{a}'"),
        13 => format!("delete from route_upstreams where upstream = '{a}'"),
        14 => format!(
            "insert into route_policies select name, 'auth', '{{\"n\": {number}}}' from routes
             where name like '{letter}%' on conflict do nothing"
        ),
        15 => format!("update route_policies set route = '{b}' where route = '{a}'"),
        16 => format!(
            "insert into jwt_providers values ('{a}', 'https://{letter}{number}', '{{a}}', '{{\"keys\": []}}')"
        ),
        17 => format!("insert into route_mirrors values ('{a}', '{b}', {number})"),
        18 => format!("update route_mirrors set route = '{b}' where upstream = '{a}'"),
        19 => format!("insert into consumers values ('{a}', '{{{number}}}')"),
        20 => format!("insert into api_keys select sha256('{a}{number}'), '{a}'"),
        21 => format!("insert into listeners (name, port, protocol) values ('{a}', {number}, 'http')"),
        22 => format!("update listeners set port = {number} where name like '{letter}%'"),
        23 => format!(
            "insert into certificates
             values ('{a}', '-----BEGIN CERTIFICATE-----', sha512('{number}'), '2126-01-01Z')"
        ),
        _ => format!("update api_keys set consumer = '{b}' where consumer = '{a}'"),
    }
}

/// A kind, as the field of [`Things`] is called, and a name.
type Thing = (&'static str, String);

fn things(rows: &Rows) -> BTreeMap<Thing, Vec<Value>> {
    let json = to_json(rows);
    let mut things = BTreeMap::<_, Vec<_>>::new();
    for (table, kind, column) in [
        ("gateways", "gateways", "name"),
        ("upstreams", "upstreams", "name"),
        ("endpoints", "upstreams", "upstream"),
        ("routes", "routes", "name"),
        ("route_upstreams", "routes", "route"),
        ("route_mirrors", "routes", "route"),
        ("route_policies", "routes", "route"),
        ("jwt_providers", "jwt_providers", "name"),
        ("consumers", "consumers", "name"),
        ("api_keys", "api_keys", "sha256"),
        ("listeners", "listeners", "name"),
        ("certificates", "certificates", "name"),
    ] {
        for row in json[table].as_array().into_iter().flatten() {
            let name = row[column].as_str().unwrap().to_owned();
            things.entry((kind, name)).or_default().push(row.clone());
        }
    }
    things
}

fn differing(before: &Rows, after: &Rows) -> BTreeSet<Thing> {
    let (before, after) = (things(before), things(after));
    before
        .keys()
        .chain(after.keys())
        .filter(|&thing| before.get(thing) != after.get(thing))
        .cloned()
        .collect()
}

fn named(things: &Things) -> BTreeSet<Thing> {
    let Things {
        gateways,
        upstreams,
        routes,
        jwt_providers,
        consumers,
        listeners,
        certificates,
        api_keys,
        jwks_sets,
        revocations,
    } = things;
    [
        ("gateways", gateways),
        ("upstreams", upstreams),
        ("routes", routes),
        ("jwt_providers", jwt_providers),
        ("consumers", consumers),
        ("listeners", listeners),
        ("certificates", certificates),
        ("jwks_sets", jwks_sets),
        ("revocations", revocations),
        ("api_keys", api_keys),
    ]
    .into_iter()
    .flat_map(|(kind, names)| names.iter().map(move |name| (kind, name.clone())))
    .collect()
}

#[tokio::test]
async fn whatever_happens_a_refresh_gives_what_a_read_gives_and_names_what_differs() {
    let (postgres, store, _) = start().await;
    let mut runner = TestRunner::deterministic();
    let rng = runner.rng();
    let mut writers = Vec::new();
    for letter in ['a', 'b'] {
        let sql = PgConnection::connect(&postgres.url()).await.unwrap();
        writers.push(Writer { letter, sql, in_transaction: false });
    }
    let mut often = store.read().await.unwrap();
    let mut seldom = store.read().await.unwrap();
    let mut since_seldom = Changed::default();
    for step in 0..STEPS {
        let turn = rng.random_range(0..2);
        let alone = !writers[1 - turn].in_transaction;
        let writer = &mut writers[turn];
        let committed = writer.step(rng, alone).await;

        let before = often.rows().clone();
        let changed = often.refresh(&store).await.unwrap();
        assert_eq!(*often.rows(), read(&store).await, "step {step}");
        match &changed {
            Changed::Everything => assert_eq!(committed, Committed::Everything, "step {step}"),
            Changed::Things(things) => {
                let named = named(things);
                assert!(named.is_superset(&differing(&before, often.rows())), "step {step}: {things:?}");
                // The digest of a key does not tell whose it is.
                let mut with_letters = named.iter().filter(|(kind, _)| *kind != "api_keys");
                assert!(
                    with_letters.all(|(_, name)| name.starts_with(writer.letter)),
                    "step {step}: {things:?}"
                );
                assert!(committed == Committed::Own || named.is_empty(), "step {step}: {things:?}");
            }
        }
        since_seldom = since_seldom.and(changed);
        if rng.random_range(0..20) == 0 {
            assert_eq!(seldom.refresh(&store).await.unwrap(), since_seldom, "step {step}");
            assert_eq!(seldom.rows(), often.rows(), "step {step}");
            since_seldom = Changed::default();
        }
    }
}
