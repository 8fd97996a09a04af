//! A user who can read the directory of a test but cannot write in it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use license_tests::{Run, RunOutput, Scratch, programs, tools};

/// Runs `license` as a user without write access, because root can write everywhere.
pub(crate) struct UnprivilegedUser<'s> {
    machine: &'s Scratch,
    /// A copy of the program that every user can execute, if this process runs as root.
    program: Option<PathBuf>,
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
            });
        }
        tools::setpriv()?;
        set_mode(machine.path(), 0o755);
        let program = machine.file("license-for-all-users");
        fs::copy(programs::license(), &program).unwrap();
        set_mode(&program, 0o755);
        Some(Self {
            machine,
            program: Some(program),
        })
    }

    pub(crate) fn license(&self, args: &[&str]) -> RunOutput {
        let run = match &self.program {
            None => Run::license(self.machine),
            Some(program) => {
                let setpriv = tools::setpriv().expect("`on` has found setpriv");
                let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
                setpriv.run(self.machine).args(user).arg(program)
            }
        };
        run.args(args).run()
    }
}

fn set_mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}
