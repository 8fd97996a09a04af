//! Starts the services, prints their directories, and waits until it is killed.
#![allow(clippy::print_stdout, reason = "the test reads the output")]

#[cfg(unix)]
fn main() {
    use license_test_services::{PostgresServer, RedisServer};

    let (Some(postgres), Some(redis)) = (PostgresServer::start(), RedisServer::start(&[])) else {
        return;
    };
    println!(
        "{}",
        postgres.superuser_sql("postgres", "SHOW data_directory")
    );
    let directory = redis.command(&["CONFIG", "GET", "dir"]);
    println!("{}", directory.lines().last().unwrap_or_default());
    loop {
        std::thread::park();
    }
}

#[cfg(not(unix))]
fn main() {}
