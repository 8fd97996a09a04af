//! The programs of PostgreSQL, and the user who runs them.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rustix::process::geteuid;

use super::address::Address;
use crate::service::run;
use crate::skipped::skip_without;

/// Debian installs each version in a directory here, and only some programs on the `PATH`.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The user and group `nobody`.
const NOBODY: u32 = 65534;

/// The programs of one version.
#[derive(Debug)]
pub(super) struct Programs {
    /// The directory of the programs. An empty path means the `PATH`.
    directory: PathBuf,
}

impl Programs {
    /// Finds the newest version in the directory of Debian, or the programs on the `PATH`. Returns
    /// `None`, and prints that the running test is skipped, if there are none.
    pub(super) fn find() -> Option<&'static Self> {
        static FOUND: OnceLock<Option<Programs>> = OnceLock::new();
        let find = || {
            let mut versions = versions();
            versions.sort_unstable();
            let directories = versions.into_iter().rev();
            let directories = directories
                .map(|version| Path::new(VERSIONS).join(version.to_string()).join("bin"))
                .chain([PathBuf::new()]);
            let mut programs = directories.map(|directory| Self { directory });
            programs.find(Self::are_usable)
        };
        let found = FOUND.get_or_init(find).as_ref();
        if found.is_none() {
            skip_without("PostgreSQL (initdb, postgres and psql)");
        }
        found
    }

    fn are_usable(&self) -> bool {
        ["initdb", "postgres", "psql"].iter().all(|program| {
            let tried = Command::new(self.path(program))
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            tried.is_ok_and(|status| status.success())
        })
    }

    pub(super) fn path(&self, program: &str) -> PathBuf {
        self.directory.join(program)
    }

    /// Returns a command of a client program, which connects to this address. The password is not
    /// among the arguments, because every user can read them.
    pub(super) fn client(&self, program: &str, address: &Address) -> Command {
        let mut client = Command::new(self.path(program));
        client
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C")
            .env("PGHOST", &address.host)
            .env("PGPORT", address.port.to_string())
            .env("PGUSER", &address.user)
            .env("PGPASSWORD", &address.password)
            .env("PGDATABASE", &address.database);
        client
    }

    /// Executes SQL statements, each in a transaction of its own. Returns the rows as lines.
    #[track_caller]
    pub(super) fn psql(&self, address: &Address, sql: &str) -> String {
        let mut psql = self.client("psql", address);
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"])
            .args(["--set=ON_ERROR_STOP=1", "--file=-"]);
        run(psql, sql)
    }
}

fn versions() -> Vec<u32> {
    let entries = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect()
}

/// The user who runs a cluster. PostgreSQL refuses to run as root.
#[derive(Debug)]
pub(super) struct Owner {
    /// User and group. `None` means the user of the tests.
    ids: Option<(u32, u32)>,
}

impl Owner {
    /// Returns the owner of a cluster in this directory, and gives the directory to the owner.
    pub(super) fn of(directory: &Path) -> Self {
        let owner = Self {
            ids: geteuid().is_root().then(unprivileged),
        };
        owner.give(directory);
        owner
    }

    /// Makes the owner the owner of a file or a directory.
    pub(super) fn give(&self, path: &Path) {
        if let Some((user, group)) = self.ids {
            chown(path, Some(user), Some(group)).expect("root may change the owner of a file");
        }
    }

    /// Makes a command run as the owner.
    pub(super) fn run_as(&self, command: &mut Command) {
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
    }
}

/// Returns the ids of the user `postgres`, or those of `nobody` if there is no such user.
fn unprivileged() -> (u32, u32) {
    let id = |option: &str| {
        let output = Command::new("id").args([option, "postgres"]).output();
        let text = String::from_utf8(output.ok()?.stdout).ok()?;
        text.trim().parse().ok()
    };
    id("-u").zip(id("-g")).unwrap_or((NOBODY, NOBODY))
}
