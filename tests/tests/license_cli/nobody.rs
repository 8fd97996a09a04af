//! A user who may read the folder of a test and write nothing in it: root may write everywhere.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use license_tests::{Outcome, Run, Scratch, programs, tools};

pub(crate) struct Nobody<'s> {
    site: &'s Scratch,
    /// Where this process is root's, a copy of the program that everybody may start.
    program: Option<PathBuf>,
}

impl<'s> Nobody<'s> {
    /// None where this process is root's, and there is no way to be somebody else. The state directory, if there is one, is
    /// closed to writing for whoever else runs this.
    pub(crate) fn on(site: &'s Scratch) -> Option<Self> {
        let is_root = fs::metadata(site.path()).unwrap().uid() == 0;
        if !is_root {
            if site.state().exists() {
                set_mode(&site.state(), 0o555);
            }
            return Some(Self {
                site,
                program: None,
            });
        }
        tools::setpriv()?;
        set_mode(site.path(), 0o755);
        let program = site.file("license-for-everybody");
        fs::copy(programs::license(), &program).unwrap();
        set_mode(&program, 0o755);
        Some(Self {
            site,
            program: Some(program),
        })
    }

    pub(crate) fn license(&self, args: &[&str]) -> Outcome {
        let run = match &self.program {
            None => Run::license(self.site),
            Some(program) => {
                let setpriv = tools::setpriv().expect("it was found before");
                let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
                setpriv.run(self.site).args(user).arg(program)
            }
        };
        run.args(args).run()
    }
}

fn set_mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}
