//! What tells this machine from others.
//!
//! | kind | Linux | macOS | Windows |
//! |---|---|---|---|
//! | `given` | `{PRODUCT}_MACHINE_ID`, `{PRODUCT}_MACHINE_ID_FILE`, `machine-id` in the administrator's folder | the same | the same |
//! | `id` | machine-id(5) | `IOPlatformUUID` | `MachineGuid` |
//! | `uuid` | the board's UUID (root only), a device tree's serial number | the serial number | the board's UUID |
//! | `mac` | the lowest permanent address of a built-in card | `en0` | the lowest permanent address of a built-in card |
//! | `cpu` | `/proc/cpuinfo` | `machdep.cpu.brand_string` | `ProcessorNameString` |
//! | `disk` | what holds `/`: its world-wide name, serial number or file system | the data volume | the system drive's partition |
//!
//! In a container only an id that was given counts, or a machine id that the administrator mounted in: all else is the host's,
//! or dies with the container. System containers have a machine id of their own.

mod container;
mod facts;
mod finding;
mod given;
mod identity;
mod linux;
mod macos;
mod mounts;
#[cfg(windows)]
mod registry;
mod stability;
mod system;
mod windows;

pub use facts::MachineFacts;
pub use finding::{Found, Missing, MissingReason, Rejection};
pub use stability::Stability;
pub use system::{Platform, System, ThisSystem};

use container::Surroundings;
use finding::Outcome;
use license_core::ComponentKind;

/// How much to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// What names the machine by itself.
    Identity,
    /// Everything.
    All,
}

/// What a platform tells, all but the id that was given.
struct Survey {
    surroundings: Surroundings,
    outcomes: Vec<(ComponentKind, Outcome)>,
}

#[cfg(test)]
mod tests;
