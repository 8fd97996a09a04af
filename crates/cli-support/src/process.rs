//! Other processes of this machine.

use std::path::Path;

/// Returns whether a process with this id may be running.
///
/// Returns `false` only if the system lists its processes in `/proc`, and this one is missing. The
/// process then ended, or runs on another machine or outside this container.
///
/// ```
/// use license_cli_support::may_be_running;
///
/// assert!(may_be_running(std::process::id()));
/// ```
#[must_use]
pub fn may_be_running(process: u32) -> bool {
    let processes = Path::new("/proc");
    !processes.join("self").exists() || processes.join(process.to_string()).exists()
}
