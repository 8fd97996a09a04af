//! PostgreSQL clusters.

mod address;
mod database;
mod programs;

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use rustix::process::Signal;

pub use self::database::TestDatabase;

use self::address::Address;
use self::programs::{Owner, Programs};
use crate::service::{Service, free_port, random_password, run, write_private};

/// How a cluster stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopMode {
    /// Aborts all transactions, ends the connections, and writes a checkpoint.
    Fast,
    /// Ends at once, so that the next start recovers from the write-ahead log.
    Immediate,
}

/// A PostgreSQL cluster of a test.
///
/// The superuser is `postgres`. All users log in with a password (SCRAM). `fsync` is on.
#[derive(Debug)]
pub struct PostgresServer {
    service: Service,
    programs: &'static Programs,
    owner: Owner,
    address: Address,
    /// Settings in the form `NAME=VALUE`.
    settings: Vec<String>,
}

/// Settings of every cluster. A killed cluster leaves no shared memory behind that has a name.
const SETTINGS: [&str; 5] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "shared_buffers=16MB",
    "max_connections=200",
    "dynamic_shared_memory_type=mmap",
];

/// The number of ports that are tried.
const PORTS: usize = 10;

impl PostgresServer {
    /// Creates and starts a cluster. Returns `None`, and prints that the running test is skipped,
    /// if PostgreSQL is missing.
    ///
    /// # Panics
    ///
    /// Panics with the log if the cluster does not start.
    #[track_caller]
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Creates and starts a cluster with these settings, such as `fsync=off`, like [`Self::start`].
    ///
    /// # Panics
    ///
    /// Panics with the log if the cluster does not start.
    #[track_caller]
    pub fn start_with(settings: &[&str]) -> Option<Self> {
        Programs::find().map(|programs| Self::create(programs, settings))
    }

    #[track_caller]
    fn create(programs: &'static Programs, settings: &[&str]) -> Self {
        let service = Service::new("postgres", "QUIT");
        let settings = SETTINGS.iter().chain(settings);
        let mut server = Self {
            owner: Owner::of(service.directory()),
            address: Address::local(random_password()),
            settings: settings.map(|setting| (*setting).to_owned()).collect(),
            service,
            programs,
        };
        server.create_cluster();
        server.start_on_free_port();
        server
    }

    #[track_caller]
    fn start_on_free_port(&mut self) {
        let mut log = String::new();
        for _ in 0..PORTS {
            self.address.port = free_port();
            match self.try_start() {
                Ok(()) => return,
                Err(found) => log = found,
            }
        }
        panic!("PostgreSQL does not start\n{log}");
    }

    /// Creates and starts a standby of this cluster, which receives all changes. It has the same
    /// users, and accepts only statements that read.
    ///
    /// # Panics
    ///
    /// Panics with the log if the standby does not start.
    #[track_caller]
    pub fn start_standby(&self) -> Self {
        let service = Service::new("postgres", "QUIT");
        let mut standby = Self {
            owner: Owner::of(service.directory()),
            address: self.address.clone(),
            settings: self.settings.clone(),
            service,
            programs: self.programs,
        };
        let mut backup = self.programs.client("pg_basebackup", &self.address);
        backup
            .args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf"])
            .arg("--pgdata")
            .arg(standby.data());
        standby.owner.run_as(&mut backup);
        run(backup, "");
        standby.start_on_free_port();
        standby
    }

    /// Makes a standby a primary, and waits until it accepts changes. It keeps what it has
    /// received.
    ///
    /// # Panics
    ///
    /// Panics if the cluster is no standby, or is not promoted within a minute.
    #[track_caller]
    pub fn promote(&self) {
        assert_eq!(
            self.superuser_sql("postgres", "SELECT pg_promote()"),
            "t",
            "the standby is not promoted\n{}",
            self.log()
        );
    }

    /// Changes a setting for which a reload is enough.
    ///
    /// # Panics
    ///
    /// Panics if there is no such setting, or if the cluster does not run.
    #[track_caller]
    pub fn configure(&self, name: &str, value: &str) {
        let change = format!("ALTER SYSTEM SET {name} = '{value}'; SELECT pg_reload_conf()");
        self.superuser_sql("postgres", &change);
    }

    /// Writes a file that only the user of the cluster can read, such as a private key, to its
    /// directory. Returns the path.
    ///
    /// # Panics
    ///
    /// Panics if the file exists.
    #[track_caller]
    pub fn write_file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.service.directory().join(name);
        write_private(&path, text);
        self.owner.give(&path);
        path
    }

    /// Returns the cluster that the tests of this process share, started on the first call.
    fn shared(programs: &'static Programs) -> &'static Self {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::create(programs, &[]))
    }

    /// Returns the URL of a database for the superuser.
    pub fn url(&self, database: &str) -> String {
        self.address.with_database(database).url()
    }

    /// Creates a database, and its owner.
    ///
    /// # Panics
    ///
    /// Panics if the cluster does not run.
    #[track_caller]
    pub fn create_database(&self) -> TestDatabase {
        TestDatabase::create_at(self.programs, &self.address, false)
    }

    /// Executes SQL statements as the superuser. Returns the rows as lines, with the columns
    /// separated by `|`.
    ///
    /// # Panics
    ///
    /// Panics with the message of the server if a statement fails.
    #[track_caller]
    pub fn superuser_sql(&self, database: &str, sql: &str) -> String {
        self.programs
            .psql(&self.address.with_database(database), sql)
    }

    /// Stops the cluster.
    ///
    /// # Panics
    ///
    /// Panics if the cluster does not run.
    #[track_caller]
    pub fn stop(&mut self, mode: StopMode) {
        self.service.signal(match mode {
            StopMode::Fast => Signal::INT,
            StopMode::Immediate => Signal::QUIT,
        });
        self.service.wait();
    }

    /// Kills all processes of the cluster (SIGKILL).
    ///
    /// # Panics
    ///
    /// Panics if the cluster does not run.
    #[track_caller]
    pub fn kill(&mut self) {
        self.service.kill();
    }

    /// Starts the cluster again, on the same port. A cluster that runs is stopped before
    /// ([`StopMode::Fast`]).
    ///
    /// # Panics
    ///
    /// Panics with the log if the cluster does not start.
    #[track_caller]
    pub fn restart(&mut self) {
        if self.service.is_started() {
            self.stop(StopMode::Fast);
        }
        if let Err(log) = self.try_start() {
            panic!("PostgreSQL does not start again\n{log}");
        }
    }

    /// Stops all processes of the cluster (SIGSTOP), so that its clients wait.
    ///
    /// # Panics
    ///
    /// Panics if the cluster does not run.
    #[track_caller]
    pub fn pause(&self) {
        self.service.pause();
    }

    /// Lets the processes continue after [`Self::pause`].
    ///
    /// # Panics
    ///
    /// Panics if the cluster does not run.
    #[track_caller]
    pub fn resume(&self) {
        self.service.resume();
    }

    /// Returns what the cluster has written to its log.
    pub fn log(&self) -> String {
        self.service.log()
    }

    fn data(&self) -> PathBuf {
        self.service.directory().join("data")
    }

    #[track_caller]
    fn create_cluster(&self) {
        let password = self.write_file("password", &self.address.password);
        let mut initdb = self.service.command(&self.programs.path("initdb"));
        initdb
            .args(["--no-sync", "--no-instructions", "--auth=scram-sha-256"])
            .args(["--encoding=UTF8", "--locale=C", "--username=postgres"])
            .arg("--pwfile")
            .arg(&password)
            .arg("--pgdata")
            .arg(self.data());
        self.owner.run_as(&mut initdb);
        run(initdb, "");
    }

    /// Starts the cluster, and waits until it accepts connections. Returns its log if it ends.
    fn try_start(&mut self) -> Result<(), String> {
        let mut postgres = self.service.command(&self.programs.path("postgres"));
        postgres.arg("-D").arg(self.data());
        postgres.args(["-p", &self.address.port.to_string()]);
        for setting in &self.settings {
            postgres.args(["-c", setting]);
        }
        self.owner.run_as(&mut postgres);
        self.service.start(postgres);
        let state = self.data().join("postmaster.pid");
        // The first line is the process, and the eighth its state.
        self.service.wait_until_ready(|process| {
            let state = fs::read_to_string(&state).unwrap_or_default();
            let mut lines = state.lines();
            lines.next() == Some(&process.to_string())
                && lines.nth(6).is_some_and(|state| state.trim() == "ready")
        })
    }
}
