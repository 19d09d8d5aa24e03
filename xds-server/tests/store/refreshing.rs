//! Reading what has changed.

use std::collections::BTreeSet;

use ferrox_xds_server::store::{Changed, Things};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::{insert, postgres::Postgres, read, sample, start};

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn routes(changed: &[&str]) -> Changed {
    Changed::Things(Things { routes: names(changed), ..Things::default() })
}

fn consumers(changed: &[&str]) -> Changed {
    Changed::Things(Things { consumers: names(changed), ..Things::default() })
}

#[tokio::test]
async fn a_change_names_the_things_whose_rows_changed_and_no_others() {
    let (_postgres, store, mut sql) = start().await;
    insert(&mut sql, &sample::rows()).await;
    sql.execute("insert into routes (name, path_exact) values ('a', '/a'), ('b', '/b')").await.unwrap();
    let mut reading = store.read().await.unwrap();
    assert!(reading.refresh(&store).await.unwrap().is_empty());

    sql.execute("update routes set name = 'c', priority = 1 where name = 'a'").await.unwrap();
    assert_eq!(reading.refresh(&store).await.unwrap(), routes(&["a", "c"]));
    assert!(reading.refresh(&store).await.unwrap().is_empty());

    sql.execute("begin; delete from routes where name = 'b'; insert into consumers values ('x'); commit")
        .await
        .unwrap();
    let things = Things { routes: names(&["b"]), consumers: names(&["x"]), ..Things::default() };
    assert_eq!(reading.refresh(&store).await.unwrap(), Changed::Things(things));

    // The route's share and its copies of requests name the upstream, so the route changes with it.
    sql.execute("update upstreams set name = 'new' where name = 'orders'").await.unwrap();
    let rows = read(&store).await;
    let shares = rows.route_upstreams.iter().map(|row| (&row.route, &row.upstream));
    let copies = rows.route_mirrors.iter().map(|row| (&row.route, &row.upstream));
    let of_orders = shares.chain(copies).filter(|(_, upstream)| *upstream == "new");
    let things = Things {
        upstreams: names(&["new", "orders"]),
        routes: of_orders.map(|(route, _)| route.clone()).collect(),
        ..Things::default()
    };
    assert_eq!(reading.refresh(&store).await.unwrap(), Changed::Things(things));
    assert_eq!(*reading.rows(), read(&store).await);
}

#[tokio::test]
async fn a_change_that_began_before_a_reading_and_is_committed_after_it_is_not_missed() {
    let (postgres, store, mut sql) = start().await;
    let mut slow = PgConnection::connect(&postgres.url()).await.unwrap();
    slow.execute("begin; insert into consumers values ('slow')").await.unwrap();
    sql.execute("insert into consumers values ('quick')").await.unwrap();
    let mut reading = store.read().await.unwrap();
    sql.execute("insert into consumers values ('next')").await.unwrap();
    assert_eq!(reading.refresh(&store).await.unwrap(), consumers(&["next"]));
    slow.execute("commit").await.unwrap();
    assert_eq!(reading.refresh(&store).await.unwrap(), consumers(&["slow"]));
    assert_eq!(*reading.rows(), read(&store).await);
}

#[tokio::test]
async fn up_to_a_thousand_things_are_told_by_name() {
    let (_postgres, store, mut sql) = start().await;
    let mut reading = store.read().await.unwrap();
    for (count, by_name) in [(1000, true), (1001, false)] {
        let insert = format!("insert into consumers select 'c' || i from generate_series(1, {count}) i");
        sql.execute(AssertSqlSafe(insert)).await.unwrap();
        let changed = reading.refresh(&store).await.unwrap();
        assert_eq!(changed != Changed::Everything, by_name, "{count}");
        assert_eq!(reading.rows().consumers.len(), count);
        assert_eq!(*reading.rows(), read(&store).await);
        sql.execute("delete from consumers").await.unwrap();
        reading.refresh(&store).await.unwrap();
    }
}

#[tokio::test]
async fn an_error_in_the_middle_leaves_a_reading_as_it_was() {
    let (_postgres, store, mut sql) = start().await;
    let mut reading = store.read().await.unwrap();
    let before = reading.rows().clone();
    sql.execute(
        "insert into routes (name, path_prefix) values ('r', '/'); insert into consumers values ('c')",
    )
    .await
    .unwrap();
    // Routes are read before consumers.
    sql.execute("alter table consumers rename scopes to elsewhere").await.unwrap();
    reading.refresh(&store).await.expect_err("a column is missing");
    assert_eq!(*reading.rows(), before);

    sql.execute("alter table consumers rename elsewhere to scopes").await.unwrap();
    let things = Things { routes: names(&["r"]), consumers: names(&["c"]), ..Things::default() };
    assert_eq!(reading.refresh(&store).await.unwrap(), Changed::Things(things));
    assert_eq!(*reading.rows(), read(&store).await);
}

#[tokio::test]
async fn another_server_is_read_whole() {
    let (_here, here, mut sql) = start().await;
    sql.execute("insert into consumers values ('here')").await.unwrap();
    let mut reading = here.read().await.unwrap();
    let (_there, there, mut sql) = start().await;
    sql.execute("insert into consumers values ('there')").await.unwrap();
    assert_eq!(reading.refresh(&there).await.unwrap(), Changed::Everything);
    assert_eq!(*reading.rows(), read(&there).await);
}

#[tokio::test]
async fn what_this_version_does_not_know_may_be_anything() {
    let (_postgres, store, mut sql) = start().await;
    let mut reading = store.read().await.unwrap();
    sql.execute("insert into changes (kind, name) values ('of a newer version', 'x')").await.unwrap();
    assert_eq!(reading.refresh(&store).await.unwrap(), Changed::Everything);
}

async fn editor(postgres: &Postgres, owner: &mut PgConnection) -> PgConnection {
    owner.execute("create role editor; grant select, update on routes to editor").await.unwrap();
    let mut sql = PgConnection::connect(&postgres.url()).await.unwrap();
    sql.execute("set role editor").await.unwrap();
    sql
}

#[tokio::test]
async fn who_may_change_routes_needs_no_other_right() {
    let (postgres, store, mut owner) = start().await;
    owner.execute("insert into routes (name, path_prefix) values ('r', '/')").await.unwrap();
    let mut reading = store.read().await.unwrap();
    let mut sql = editor(&postgres, &mut owner).await;
    // Nor does a table of theirs that comes first in their path hide the change.
    sql.execute("create temp table changes (kind text, name text)").await.unwrap();
    sql.execute("update routes set priority = 1").await.unwrap();
    assert_eq!(reading.refresh(&store).await.unwrap(), routes(&["r"]));
}

#[tokio::test]
async fn who_may_change_routes_cannot_forge_a_change() {
    let (postgres, _store, mut owner) = start().await;
    let mut sql = editor(&postgres, &mut owner).await;
    sql.execute("create temp table mine (name text)").await.unwrap();
    for statement in [
        "insert into changes (kind, name) values ('route', 'x')",
        "delete from changes",
        "create trigger forged after truncate on mine execute function record_changes('route', 'name')",
    ] {
        let refused = sql.execute(statement).await.expect_err(statement);
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "{statement}: {refused}");
    }
}
