//! A user who can read the directory of a test but cannot write in it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;

use license_tests::{Run, RunOutput, Scratch, programs, tools};

/// The user id of `nobody` on most systems.
const NOBODY: u32 = 65534;

/// A user id without an account.
const WITHOUT_ACCOUNT: u32 = 1_954_321;

/// Runs `license` as a user without write access, because root can write everywhere.
pub(crate) struct UnprivilegedUser<'s> {
    machine: &'s Scratch,
    /// A copy of the program that every user can execute, if this process runs as root.
    program: Option<PathBuf>,
    id: u32,
}

impl<'s> UnprivilegedUser<'s> {
    /// Returns `None` if this process runs as root and cannot switch to another user.
    ///
    /// If this process does not run as root, an existing state directory becomes read-only.
    pub(crate) fn on(machine: &'s Scratch) -> Option<Self> {
        let is_root = fs::metadata(machine.path()).unwrap().uid() == 0;
        if !is_root {
            if machine.state().exists() {
                set_mode(&machine.state(), 0o555);
            }
            return Some(Self {
                machine,
                program: None,
                id: NOBODY,
            });
        }
        tools::setpriv()?;
        set_mode(machine.path(), 0o755);
        let program = machine.file("license-for-all-users");
        programs::copy_for_all_users(programs::license(), &program);
        Some(Self {
            machine,
            program: Some(program),
            id: NOBODY,
        })
    }

    /// Returns a user without an account, and so without a home directory. Returns `None` if this
    /// process does not run as root.
    pub(crate) fn without_account(machine: &'s Scratch) -> Option<Self> {
        let user = Self::on(machine)?;
        if user.program.is_none() {
            tools::skip_without_root();
            return None;
        }
        let id = WITHOUT_ACCOUNT;
        Some(Self { id, ..user })
    }

    /// Returns the user of [`on`](Self::on), as the owner of the directories of the machine.
    pub(crate) fn owning(machine: &'s Scratch) -> Option<Self> {
        let user = Self::on(machine)?;
        if user.program.is_some() {
            for directory in [machine.path(), &machine.home()] {
                chown(directory, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        Some(user)
    }

    pub(crate) fn license(&self, args: &[&str]) -> RunOutput {
        self.run().args(args).run()
    }

    /// Returns a run of `license` without arguments.
    pub(crate) fn run(&self) -> Run<'s> {
        match &self.program {
            None => Run::license(self.machine),
            Some(program) => {
                let setpriv = tools::setpriv().expect("`on` has found setpriv");
                let id = self.id;
                let user = [format!("--reuid={id}"), format!("--regid={id}")];
                let run = setpriv.run(self.machine).args(user).arg("--clear-groups");
                run.arg(program)
            }
        }
    }
}

fn set_mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}
