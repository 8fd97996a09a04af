//! Protection of secrets in the memory of the process.

/// Excludes the memory of the process from core dumps. A program calls this before it reads its
/// first secret.
///
/// On Linux, other processes of the user can no longer read the memory either, unless they have the
/// capability `CAP_SYS_PTRACE`. On Windows, nothing changes, because the system writes crash dumps
/// only if an administrator enables them.
///
/// A sandbox may forbid the system calls. This is not an error, because the program works without
/// the protection.
pub fn protect_memory() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        let _ = setrlimit(Resource::Core, none);
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
