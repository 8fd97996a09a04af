//! Databases of tests.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::PostgresServer;
use super::address::Address;
use super::programs::Programs;
use crate::service::{random_password, run};

/// A running cluster, as `postgres://USER:PASSWORD@HOST:PORT/DATABASE` of a superuser.
const URL: &str = "LICENSE_TESTS_POSTGRES_URL";

/// An empty database of a test. Its owner is a role of its own, without further privileges.
#[derive(Debug)]
pub struct TestDatabase {
    programs: &'static Programs,
    superuser: Address,
    owner: Address,
    url: String,
    /// Whether the cluster outlives the tests.
    is_dropped: bool,
}

impl TestDatabase {
    /// Creates a database in the cluster that the tests of this process share, or in the running
    /// cluster that `LICENSE_TESTS_POSTGRES_URL` names. Returns `None`, and prints that the running
    /// test is skipped, if PostgreSQL is missing.
    ///
    /// # Panics
    ///
    /// Panics if the database cannot be created.
    #[track_caller]
    pub fn create() -> Option<Self> {
        let programs = Programs::find()?;
        let Ok(url) = std::env::var(URL) else {
            return Some(PostgresServer::shared(programs).create_database());
        };
        let address = Address::parse(&url);
        let expected = "postgres://USER:PASSWORD@HOST:PORT/DATABASE without escapes";
        let address = address.unwrap_or_else(|| panic!("{URL}: expected {expected}"));
        Some(Self::create_at(programs, &address, true))
    }

    #[track_caller]
    pub(super) fn create_at(
        programs: &'static Programs,
        superuser: &Address,
        is_dropped: bool,
    ) -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let name = format!("license_tests_{}_{number}", std::process::id());
        let password = random_password();
        let superuser = superuser.with_database(&superuser.database);
        let owner = superuser.with_user(&name, &password).with_database(&name);
        let created = Self {
            programs,
            url: owner.url(),
            owner,
            superuser,
            is_dropped,
        };
        created.administer(&format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'"));
        created.create_empty();
        created
    }

    /// Returns the URL of the database for its owner.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the name of the database, which is also the name of its owner.
    pub fn name(&self) -> &str {
        &self.owner.database
    }

    /// Executes SQL statements as the owner. Returns the rows as lines, with the columns separated
    /// by `|`.
    ///
    /// # Panics
    ///
    /// Panics with the message of the server if a statement fails.
    #[track_caller]
    pub fn sql(&self, sql: &str) -> String {
        self.programs.psql(&self.owner, sql)
    }

    /// Executes SQL statements in this database as the superuser, like [`Self::sql`].
    ///
    /// # Panics
    ///
    /// Panics with the message of the server if a statement fails.
    #[track_caller]
    pub fn superuser_sql(&self, sql: &str) -> String {
        let database = self.superuser.with_database(self.name());
        self.programs.psql(&database, sql)
    }

    /// Writes the content to a file with `pg_dump`, as the superuser. The owner cannot do this,
    /// because row-level security also restricts the owner.
    ///
    /// # Panics
    ///
    /// Panics if the database cannot be read.
    #[track_caller]
    pub fn dump(&self, to: &Path) {
        let database = self.superuser.with_database(self.name());
        let mut dump = self.programs.client("pg_dump", &database);
        dump.args(["--no-owner", "--no-privileges", "--file"])
            .arg(to);
        run(dump, "");
    }

    /// Replaces the database with a new one that has the content of a dump. Ends all connections.
    ///
    /// # Panics
    ///
    /// Panics if the dump cannot be read.
    #[track_caller]
    pub fn restore(&self, dump: &Path) {
        self.drop_database();
        self.create_empty();
        let mut psql = self.programs.client("psql", &self.owner);
        psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file"])
            .arg(dump);
        run(psql, "");
    }

    #[track_caller]
    fn create_empty(&self) {
        let name = self.name();
        self.administer(&format!("CREATE DATABASE {name} OWNER {name}"));
    }

    #[track_caller]
    fn drop_database(&self) {
        let name = self.name();
        self.administer(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
    }

    #[track_caller]
    fn administer(&self, sql: &str) {
        self.programs.psql(&self.superuser, sql);
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // A second panic would end the process without the message of the first one.
        if self.is_dropped && !std::thread::panicking() {
            self.drop_database();
            self.administer(&format!("DROP ROLE {}", self.name()));
        }
    }
}
