//! The services start, fail, recover and end as the tests of the server expect.
#![cfg(unix)]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use license_test_services::{PostgresServer, RedisData, RedisServer, StopMode, TestDatabase};

#[track_caller]
fn wait_until(is_true: impl Fn() -> bool) {
    for _ in 0..6000 {
        if is_true() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("waited a minute");
}

#[test]
fn the_owner_of_a_database_has_no_further_privileges() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let role = "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles";
    let role = format!("{role} WHERE rolname = current_user");
    assert_eq!(database.sql(&role), "f|f|f|f");
    assert_eq!(database.sql("SHOW server_encoding"), "UTF8");
    assert_eq!(
        database.sql("SHOW fsync; SHOW synchronous_commit"),
        "on\non"
    );
    let owner = "SELECT pg_get_userbyid(datdba) FROM pg_database";
    let owner = format!("{owner} WHERE datname = current_database()");
    assert_eq!(database.sql(&owner), database.name());
    assert_eq!(database.superuser_sql("SHOW is_superuser"), "on");
}

#[test]
fn databases_are_separate_and_a_dump_can_be_restored() {
    let (Some(one), Some(two)) = (TestDatabase::create(), TestDatabase::create()) else {
        return;
    };
    // Row-level security also restricts the owner, as in the database of the server.
    one.sql(
        "CREATE TABLE t (n int); INSERT INTO t VALUES (7);
         ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY",
    );
    assert_eq!(one.sql("SELECT n FROM t"), "");
    assert_eq!(two.sql("SELECT to_regclass('t') IS NULL"), "t");
    let directory = tempfile::tempdir().unwrap();
    let dump = directory.path().join("dump.sql");
    one.dump(&dump);
    one.superuser_sql("DELETE FROM t");
    one.restore(&dump);
    assert_eq!(one.superuser_sql("SELECT n FROM t"), "7");
    let owner = "SELECT tableowner FROM pg_tables WHERE tablename = 't'";
    assert_eq!(one.sql(owner), one.name());
}

#[test]
fn a_cluster_keeps_committed_rows_when_it_is_killed_stopped_and_paused() {
    let Some(mut server) = PostgresServer::start_with(&["work_mem=5MB"]) else {
        return;
    };
    let database = server.create_database();
    database.sql("CREATE TABLE t (n int)");
    let insert = || database.sql("INSERT INTO t VALUES (1)");
    insert();
    server.kill();
    server.restart();
    insert();
    server.stop(StopMode::Immediate);
    server.restart();
    insert();
    server.restart();
    server.pause();
    let is_done = thread::scope(|scope| {
        let insertion = scope.spawn(insert);
        thread::sleep(Duration::from_millis(200));
        let is_done = insertion.is_finished();
        server.resume();
        insertion.join().unwrap();
        is_done
    });
    assert!(!is_done, "a paused cluster answered");
    assert_eq!(database.sql("SELECT count(*) FROM t"), "4");
    let settings = "SHOW is_superuser; SHOW work_mem";
    assert_eq!(server.superuser_sql("postgres", settings), "on\n5MB");
    let log = server.log();
    assert!(log.contains("was not properly shut down"), "{log}");
}

#[test]
fn a_redis_server_keeps_or_loses_its_keys() {
    let Some(mut server) = RedisServer::start(&["--maxmemory-policy", "allkeys-lru"]) else {
        return;
    };
    let policy = ["CONFIG", "GET", "maxmemory-policy"];
    assert_eq!(server.command(&policy), "maxmemory-policy\nallkeys-lru");
    server.config_set("maxmemory-policy", "noeviction");
    assert_eq!(server.command(&policy), "maxmemory-policy\nnoeviction");
    let (set, get) = (["SET", "key", "value"], ["GET", "key"]);
    server.command(&set);
    let first = server.info("run_id");
    server.restart(RedisData::Kept);
    assert_eq!(server.command(&get), "value");
    assert_ne!(server.info("run_id"), first);
    server.restart(RedisData::Lost);
    assert_eq!(server.command(&get), "");
    server.command(&set);
    server.flush();
    assert_eq!(server.command(&["DBSIZE"]), "0");
}

#[test]
fn a_promoted_replica_has_what_it_received_and_no_more() {
    let (Some(primary), Some(replica)) = (RedisServer::start(&[]), RedisServer::start(&[])) else {
        return;
    };
    primary.command(&["SET", "key", "old"]);
    replica.replica_of(&primary);
    assert_eq!(replica.info("role"), "slave");
    replica.promote();
    primary.command(&["SET", "key", "new"]);
    assert_eq!(replica.info("role"), "master");
    assert_eq!(replica.command(&["GET", "key"]), "old");
}

#[test]
fn a_killed_process_leaves_no_services_behind() {
    if TestDatabase::create().is_none() || RedisServer::start(&[]).is_none() {
        return;
    }
    let mut holder = Command::new(env!("CARGO_BIN_EXE_service-holder"));
    let mut holder = holder.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    let (postgres, redis) = (line(), line());
    let process = std::fs::read_to_string(format!("{postgres}/postmaster.pid")).unwrap();
    let process = process.lines().next().unwrap().to_owned();
    let is_gone = || {
        let signal = Command::new("kill").args(["-0", &process]).output();
        !signal.unwrap().status.success()
    };
    assert!(!is_gone());
    holder.kill().unwrap();
    holder.wait().unwrap();
    wait_until(is_gone);
    wait_until(|| {
        ![&postgres, &redis]
            .iter()
            .any(|path| Path::new(path).exists())
    });
}
