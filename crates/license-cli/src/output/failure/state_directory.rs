//! Failures of the state directory.

use std::io::ErrorKind;

use license_cli_support::{Exit, Failure, may_be_running, show_path};
use license_client::{StoreError, UnsafeDirectory};
use license_core::state::LockHolder;
use license_core::with_causes;

use crate::embedded::{command, variable};

/// The code of a refusal of root to write where another user can change the directories.
pub(crate) const UNSAFE_DIRECTORY: &str = "UNSAFE_DIRECTORY";

/// Returns what to do if root refuses to write, because another user can change a directory.
pub(crate) fn unsafe_directory(found: &UnsafeDirectory) -> String {
    let variable = variable("HOME");
    let other = format!("set {variable} to a directory that only root can change");
    match found.owner() {
        Some(user) => format!(
            "if sudo kept HOME, run the command for root with `sudo -H`; run it for that user with `sudo -u '#{user}'`; or {other}"
        ),
        None => format!("run `chmod go-w {}`, or {other}", show_path(found.path())),
    }
}

/// Returns what to do about a state file or directory that cannot be used.
fn unusable(error: &StoreError) -> String {
    let path = show_path(error.path());
    let source = match error {
        StoreError::Unreadable { source, .. }
        | StoreError::ReadOnly { source, .. }
        | StoreError::Unwritable { source, .. } => Some(source.kind()),
        _ => None,
    };
    let doctor = command!("doctor");
    match source {
        Some(ErrorKind::NotADirectory) => format!(
            "move away the file that is in place of the directory {path}, or set {} to a directory of this user",
            variable("HOME")
        ),
        Some(ErrorKind::PermissionDenied) => format!(
            "give this user access to {path}, or set {} to a directory of this user; {doctor} shows details",
            variable("HOME")
        ),
        _ => format!(
            "check the permissions of {path} and the free space on its disk; {doctor} shows details"
        ),
    }
}

/// Returns what an administrator does about a directory for all users that this user cannot read.
pub(super) fn unreadable_for_all_users(error: &StoreError) -> Option<String> {
    let StoreError::Unreadable { path, source } = error else {
        return None;
    };
    let shown = show_path(path);
    match source.kind() {
        ErrorKind::PermissionDenied => {
            let mode = if path.extension().is_some() {
                "644"
            } else {
                "755"
            };
            Some(format!(
                "let all users read it: `sudo chmod {mode} {shown}`"
            ))
        }
        ErrorKind::NotADirectory => Some(format!(
            "move away the file that is in place of the directory {shown}"
        )),
        _ => None,
    }
}

/// The code of a lock that another process keeps.
const BUSY: &str = "BUSY";

/// The code of a file system that does not lock files.
pub(crate) const NO_LOCKS: &str = "NO_LOCKS";

/// Returns what to do about a file system that does not lock files.
pub(crate) fn lock_service() -> String {
    let variable = variable("HOME");
    format!(
        "start the lock service of the network file system, or set {variable} to a directory on a local disk"
    )
}

/// Returns what to do if another process keeps a lock.
pub(crate) fn busy(holder: Option<&LockHolder>) -> String {
    let again = "run the command again once the lock is free";
    let Some(holder) = holder.filter(|holder| may_be_running(holder.process())) else {
        return again.to_owned();
    };
    let process = holder.process();
    format!(
        "{again}; if process {process} is stopped, `kill -CONT {process}` continues it and `kill -KILL {process}` ends it"
    )
}

/// Returns the failure of the state directory.
pub(crate) fn store(error: &StoreError) -> Failure {
    let path = error.path().to_string_lossy();
    let code = match error {
        StoreError::Unsafe { .. } => UNSAFE_DIRECTORY,
        StoreError::Busy { .. } => BUSY,
        StoreError::NoLocks { .. } => NO_LOCKS,
        _ => "IO",
    };
    let failure =
        Failure::new(Exit::System, code, with_causes(error)).with_subject("state directory");
    failure.hint(match error {
        StoreError::Unsafe { source, .. } => unsafe_directory(source),
        StoreError::Busy { holder, .. } => busy(holder.as_ref()),
        StoreError::NoLocks { .. } => lock_service(),
        StoreError::NotAFile { .. } => format!("remove {path}, which is not a regular file"),
        StoreError::TooLarge { .. } => {
            format!("remove {path}, which is too large for a license file")
        }
        _ => unusable(error),
    })
}
