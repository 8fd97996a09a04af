//! The directories of this user and of the administrator, and their permissions.

mod access;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use license_cli_support::{Failure, show_name, show_path};
use license_client::{
    QuotaError, StateDir, StateDirError, StateFile, Store, SystemDirError, SystemDirFault,
};
use license_core::with_causes;

use super::license::Verdict;
use super::{CheckResult, Fault, is_unreadable};
use crate::context::AppContext;
use crate::embedded::command;
use crate::output::{failure, notice};

/// Checks the state directory of this user.
pub(super) fn home(app: &AppContext, verdict: &Verdict<'_>) -> CheckResult {
    const NAME: &str = "home";
    let store = match app.manager.paths() {
        Ok(paths) => paths.user(),
        Err(error) => {
            let failure = failure::home(error);
            let fault = match error {
                // The license of the administrator counts, as with a read-only directory.
                StateDirError::NoHome { .. } => Fault::warning(
                    format!(
                        "{}; nothing can be installed, and counts are not stored",
                        failure.message()
                    ),
                    failure.advice().unwrap_or_default(),
                ),
                _ => Fault::from_failure(super::Severity::Problem, &failure),
            };
            return CheckResult::new(NAME, vec![fault], "");
        }
    };
    let variable = home_variable(app);
    let origin = if is_set(&variable) {
        format!("from {variable}")
    } else {
        format!("the default; {variable} is not set")
    };
    let path = show_path(store.dir().path());
    let place = format!("{path} ({origin})");
    let denial = verdict.denial_of_quotas(app);
    let hint = || format!("correct the directory, or set {variable} to a writable directory");
    let mut faults = Vec::new();
    let mut ok = String::new();
    match check_directory(store) {
        Ok(found) => {
            ok = format!("{place} {found}");
            faults.extend(denial.map(|error| {
                let message = format!("{ok}, but {}", not_counted(&error));
                Fault::problem(message, hint())
            }));
        }
        Err(Defect { is_fatal, what }) => {
            let message = format!("{place} {what}");
            faults.push(match (is_fatal, denial) {
                (true, _) => Fault::problem(message, hint()),
                (false, Some(_)) => Fault::problem(
                    format!("{message}; nothing can be installed, and {DENIED}"),
                    hint(),
                ),
                (false, None) => Fault::warning(
                    format!("{message}; nothing can be installed, and counts are not stored"),
                    hint(),
                ),
            });
        }
    }
    faults.extend(misnamed(store, command!("install FILE")));
    CheckResult::new(NAME, faults, ok)
}

/// The consequence of counts that cannot be stored, unless the system is at fault.
const DENIED: &str = "uses of finite quotas are denied (QUOTA_NOT_COUNTED)";

/// Describes why uses of finite quotas are denied although the directory is writable.
fn not_counted(error: &QuotaError) -> String {
    format!("{DENIED}: {}", with_causes(error))
}

/// Returns a warning if the directory contains no license, but a file that may be meant as one.
fn misnamed(store: &Store, command: &str) -> Option<Fault> {
    let (message, hint) = notice::describe_misnamed_files(store, command)?;
    Some(Fault::warning(message, hint))
}

fn home_variable(app: &AppContext) -> String {
    format!("{}_HOME", app.manager.product())
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// The reason why a directory cannot be used.
struct Defect {
    is_fatal: bool,
    what: String,
}

fn fatal(what: impl Into<String>) -> Defect {
    Defect {
        is_fatal: true,
        what: what.into(),
    }
}

fn check_directory(store: &Store) -> Result<&'static str, Defect> {
    let dir = store.dir();
    let path = dir.path();
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => Err(fatal("is a file, not a directory")),
        Ok(_) if is_unreadable(store) => Err(fatal("cannot be read: permission denied")),
        Ok(_) => try_writing(dir).map(|()| "exists and is writable"),
        Err(error) if error.kind() == ErrorKind::NotFound => check_ancestor(path),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Err(fatal(
            "cannot be created: a parent is a file, not a directory",
        )),
        Err(error) => Err(fatal(format!("cannot be read: {}", reason(&error)))),
    }
}

/// Checks whether a missing directory can be created in its nearest existing ancestor.
fn check_ancestor(path: &Path) -> Result<&'static str, Defect> {
    let exists = |path: &&Path| fs::symlink_metadata(path).is_ok();
    let Some(nearest) = path.ancestors().find(exists) else {
        return Err(fatal("cannot be created"));
    };
    if let (Ok(target), Err(_)) = (fs::read_link(nearest), fs::metadata(nearest)) {
        let (nearest, target) = (show_path(nearest), show_path(&target));
        let what = format!(
            "cannot be used: the symbolic link {nearest} points to {target}, which does not exist"
        );
        return Err(fatal(what));
    }
    try_writing(&StateDir::at(nearest))
        .map(|()| "does not exist yet; the first installation creates it")
}

fn try_writing(dir: &StateDir) -> Result<(), Defect> {
    let reason = match (dir.obstacle(), dir.try_writing()) {
        (Some(obstacle), _) => obstacle,
        (None, Ok(_)) => return Ok(()),
        (None, Err(error)) => {
            let failure = Failure::io("write", dir.path(), &error);
            failure.message().to_owned()
        }
    };
    Err(Defect {
        is_fatal: false,
        what: format!("is not writable: {reason}"),
    })
}

fn reason(error: &io::Error) -> String {
    error.kind().to_string()
}

/// Checks that only this user can access the state directory.
#[cfg(unix)]
pub(super) fn permissions(app: &AppContext) -> CheckResult {
    const NAME: &str = "permissions";
    let paths = app.manager.paths().ok();
    let store = paths.map(|paths| paths.user());
    let Some((store, directory)) = store.and_then(|store| {
        let directory = fs::metadata(store.dir().path()).ok()?;
        directory.is_dir().then_some((store, directory))
    }) else {
        return CheckResult::ok(NAME, "the directory does not exist yet");
    };
    let dir = store.dir();
    if dir.obstacle().is_some() {
        return CheckResult::ok(NAME, "not checked, because the directory cannot be used");
    }
    let user = owner(dir);
    let mut faults: Vec<_> = unix::faults(dir.path(), &directory, 0o700, user).collect();
    let named = StateFile::ALL.iter().map(|file| dir.file(*file));
    let rest = store
        .quarantined_files(StateFile::ALL)
        .into_iter()
        .chain(store.incomplete_files());
    let mut count = 0_usize;
    for path in named.chain(rest) {
        // The permissions of a link's target are not managed by this program.
        let found = fs::symlink_metadata(&path).ok();
        let Some(found) = found.filter(fs::Metadata::is_file) else {
            continue;
        };
        count = count.saturating_add(1);
        faults.extend(unix::faults(&path, &found, 0o600, user));
    }
    let files = match count {
        0 => "it is empty".to_owned(),
        1 => "its file is 0600".to_owned(),
        count => format!("its {count} files are 0600"),
    };
    CheckResult::new(NAME, faults, format!("the directory is 0700, {files}"))
}

/// Returns the owner of a temporary file, which is the user of this process. Returns `None` if no
/// file can be created.
#[cfg(unix)]
fn owner(dir: &StateDir) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let temporary = || StateDir::at(std::env::temp_dir()).try_writing();
    let metadata = dir.try_writing().or_else(|_| temporary()).ok()?;
    Some(metadata.uid())
}

#[cfg(unix)]
mod unix {
    use std::fs::Metadata;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use license_cli_support::show_path;

    use crate::commands::doctor::Fault;

    pub(super) fn faults(
        path: &Path,
        found: &Metadata,
        expected: u32,
        user: Option<u32>,
    ) -> impl Iterator<Item = Fault> {
        let (mode, shown) = (found.mode() & 0o7777, show_path(path));
        let is_open = mode & 0o077 != 0;
        let open = is_open.then(|| {
            Fault::warning(
                format!("{shown} is {mode:04o}, expected {expected:04o}: other users have access"),
                format!("chmod {expected:o} {shown}"),
            )
        });
        let other = user.filter(|user| *user != found.uid()).map(|user| {
            Fault::warning(
                format!(
                    "{shown} belongs to user {}, expected user {user}",
                    found.uid()
                ),
                format!("run the program as the owner of the file, or run `chown {user} {shown}`"),
            )
        });
        // Only the owner of a file may change its mode.
        other.into_iter().chain(open)
    }
}

#[cfg(not(unix))]
pub(super) fn permissions(_: &AppContext) -> CheckResult {
    CheckResult::ok("permissions", "inherited from the user profile")
}

/// Checks the administrator's directory, and the directories that are not used in its place.
pub(super) fn system(app: &AppContext) -> CheckResult {
    const NAME: &str = "system";
    let variable = format!("{}_SYSTEM_DIR", app.manager.product());
    let paths = app.manager.readable_paths();
    let refused = paths.refused_system();
    let origin = if is_set(&variable) && (refused.is_empty() || paths.system().is_none()) {
        format!("from {variable}")
    } else {
        "the default".to_owned()
    };
    let mut faults: Vec<Fault> = refused.iter().filter_map(refused_system).collect();
    let Some(system) = paths.system() else {
        let missing = refused.first().map(|refused| show_path(&refused.path));
        let ok = match missing {
            Some(path) => format!("{path} ({origin}) does not exist"),
            None => "none on this platform".to_owned(),
        };
        return CheckResult::new(NAME, faults, ok);
    };
    let place = format!("{} ({origin})", show_path(system.dir().path()));
    let found = match contents(system) {
        Ok(contents) => format!("{place} {contents}"),
        Err(what) => {
            let path = show_path(system.dir().path());
            let is_directory = system.dir().path().is_dir();
            let hint = if is_directory && is_unreadable(system) {
                format!("an administrator lets all users read it: `sudo chmod 755 {path}`")
            } else {
                format!("set {variable} to a readable directory, or ask the administrator")
            };
            faults.push(Fault::warning(format!("{place} {what}"), hint));
            String::new()
        }
    };
    let misnamed = misnamed(system, command!("install --system FILE"));
    let found = match &misnamed {
        None => found + &unread(system),
        Some(_) => found,
    };
    faults.extend(misnamed);
    faults.extend(access::for_other_users(system));
    if let Some(fault) = faults.first_mut().filter(|_| !found.is_empty()) {
        fault.message.push_str(&format!("; {found}"));
    }
    CheckResult::new(NAME, faults, found)
}

/// Names the files next to a license that may be meant as keys or a revocation list, and are not
/// read.
fn unread(system: &Store) -> String {
    let files = system.unread_files();
    let names = files.iter().filter_map(|path| path.file_name());
    let names: Vec<_> = names
        .map(|name| show_name(&name.to_string_lossy()))
        .collect();
    if names.is_empty() {
        return String::new();
    }
    format!("; not read because of the name: {}", names.join(", "))
}

/// Describes the files in the administrator's directory. An error describes why there are none.
fn contents(system: &Store) -> Result<String, String> {
    match fs::metadata(system.dir().path()) {
        Ok(found) if !found.is_dir() => Err("is a file, not a directory".to_owned()),
        Ok(_) if is_unreadable(system) => Err("cannot be read: permission denied".to_owned()),
        Ok(_) => {
            let has = |file: &&StateFile| system.dir().file(**file).exists();
            let files = [
                StateFile::License,
                StateFile::Key,
                StateFile::Trust,
                StateFile::TrustStatements,
            ];
            let names: Vec<_> = files.iter().filter(has).map(|file| file.as_str()).collect();
            Ok(if names.is_empty() {
                "contains no license files".to_owned()
            } else {
                format!("contains {}", names.join(", "))
            })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok("does not exist".to_owned()),
        Err(error) => Err(format!("cannot be read: {}", reason(&error))),
    }
}

/// Returns the fault of a directory that is not used, if the directory exists.
fn refused_system(refused: &SystemDirError) -> Option<Fault> {
    let is_relative = refused.fault == SystemDirFault::Relative;
    let exists = is_relative || fs::symlink_metadata(&refused.path).is_ok();
    exists.then(|| {
        let message = format!("{refused}; nothing in it is used");
        Fault::warning(message, failure::correct_system_dir(refused))
    })
}
