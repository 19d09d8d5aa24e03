//! The testbed itself: its parts start, die and return as told, and none outlives the process that started it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    env,
    fs::{self, Permissions},
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use ferrox_testbed::{ports::Port, postgres::Postgres, redis::Redis, wait::eventually};
use sqlx::{Connection as _, PgConnection, Row as _};

/// Set in the process that is to be killed.
const VICTIM: &str = "FERROX_TESTBED_VICTIM";

/// Whether a process is there and not merely waiting to be reaped.
fn is_alive(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains("Z (zombie)"))
}

/// Runs this test alone in a process of its own, which keeps its files in `folder`, and reads the ids that it prints.
fn victim(folder: &Path) -> (Child, Vec<u32>) {
    let name = "a_killed_process_leaves_no_process_behind";
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(VICTIM, "1")
        .env("TMPDIR", folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let ids = lines.filter_map(|line| line.split_once("ids:").map(|(_, ids)| ids.to_owned())).next().unwrap();
    (child, ids.split_whitespace().map(|id| id.parse().unwrap()).collect())
}

/// The processes whose parent is this one.
fn children_of(pid: u32) -> Vec<u32> {
    let parent = format!("PPid:\t{pid}\n");
    let all =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    all.filter(|child| {
        fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default().contains(&parent)
    })
    .collect()
}

#[tokio::test]
async fn a_killed_process_leaves_no_process_behind() {
    if env::var_os(VICTIM).is_some() {
        let folder = tempfile::tempdir().unwrap();
        let mut redis = Redis::start_in(folder.path(), Port::free().unwrap()).await.unwrap();
        let mut postgres = Postgres::start_new().await.unwrap();
        let (redis, postgres) = (redis.service().id().unwrap(), postgres.service().id().unwrap());
        let mut ids = vec![redis, postgres];
        ids.extend(children_of(postgres));
        println!("ids: {}", ids.iter().map(u32::to_string).collect::<Vec<_>>().join(" "));
        std::future::pending::<()>().await;
    }
    let folder = tempfile::tempdir().unwrap();
    // PostgreSQL may run as another user.
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let (mut child, ids) = victim(folder.path());
    // A server that has just started has children that end soon.
    let alive: Vec<_> = ids.iter().copied().filter(|id| is_alive(*id)).collect();
    assert!(alive.len() > 3 && alive.starts_with(&ids[..2]), "{alive:?} of {ids:?}");
    // The watchdog too, though only after its work.
    let ids: Vec<_> = ids.into_iter().chain(children_of(child.id())).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("all processes are gone", async || !ids.iter().any(|id| is_alive(*id))).await.unwrap();
}

#[tokio::test]
async fn redis_comes_back_on_its_port_after_a_kill_and_after_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let mut redis = Redis::start_in(folder.path(), Port::free().unwrap()).await.unwrap();
    let (url, first) = (redis.url(), redis.service().id().unwrap());
    redis.service().kill().unwrap();
    assert!(!is_alive(first));
    redis.start().await.unwrap();
    let second = redis.service().id().unwrap();
    redis.service().stop().await.unwrap();
    assert!(first != second && !is_alive(second));
    redis.start().await.unwrap();
    assert_eq!(redis.url(), url);
}

#[tokio::test]
async fn postgres_keeps_its_rows_over_a_kill() {
    let mut postgres = Postgres::start_new().await.unwrap();
    let url = postgres.create_database("rows").await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("create table t (n int); insert into t values (7)").execute(&mut connection).await.unwrap();
    postgres.service().kill().unwrap();
    assert!(sqlx::query("select n from t").fetch_one(&mut connection).await.is_err());
    postgres.start().await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let row = sqlx::query("select n from t").fetch_one(&mut connection).await.unwrap();
    assert_eq!(row.get::<i32, _>(0), 7);
}

#[tokio::test]
async fn the_shared_server_gives_each_user_a_database_of_its_own_and_goes_with_the_last() {
    let first = Postgres::shared().await.unwrap();
    let second = Postgres::shared().await.unwrap();
    assert_eq!(first.folder(), second.folder());
    let folder = first.folder().to_path_buf();
    let urls = [first.create_database("a").await.unwrap(), second.create_database("b").await.unwrap()];
    for url in &urls {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql("create table same_name ()").execute(&mut connection).await.unwrap();
    }
    assert!(first.create_database("a").await.is_err());
    drop(first);
    PgConnection::connect(&urls[0]).await.unwrap();
    drop(second);
    assert!(PgConnection::connect(&urls[0]).await.is_err() && !Path::new(&folder).exists());
}

#[tokio::test]
async fn a_part_that_does_not_start_shows_the_end_of_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let port = Port::free().unwrap();
    // A child that another test starts at this moment holds the socket with which the port was tried, until its exec.
    let mut taken = None;
    eventually("the port is taken", async || {
        taken = std::net::TcpListener::bind(port.address()).ok();
        taken.is_some()
    })
    .await
    .unwrap();
    let error = Redis::start_in(folder.path(), port).await.err().unwrap().to_string();
    assert!(error.starts_with("redis ended") && error.contains("Address already in use"), "{error}");
    drop(taken);
}
