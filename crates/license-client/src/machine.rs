//! Components that identify this machine.
//!
//! | kind | Linux | macOS | Windows |
//! |---|---|---|---|
//! | `given` | `{PRODUCT}_MACHINE_ID`, `{PRODUCT}_MACHINE_ID_FILE`, `machine-id` in the administrator's directory | the same | the same |
//! | `id` | machine-id(5) | `IOPlatformUUID` | `MachineGuid` |
//! | `uuid` | the board's UUID (root only), a device tree's serial number | the serial number | the board's UUID |
//! | `mac` | the lowest permanent address of a built-in card | `en0` | the lowest permanent address of a built-in card |
//! | `cpu` | `/proc/cpuinfo` | `machdep.cpu.brand_string` | `ProcessorNameString` |
//! | `disk` | the disk with `/`: its world-wide name, serial number or file system | the data volume | the partition of the system drive |
//!
//! In a container only a configured id counts, or a machine id that the administrator mounted. All
//! other components belong to the host or are lost with the container. System containers have a
//! machine id of their own.

mod component;
mod configured_id;
mod container;
mod facts;
mod identity;
mod linux;
mod macos;
mod mounts;
#[cfg(windows)]
mod registry;
mod stability;
mod system;
mod windows;

pub use component::{FoundComponent, MissingComponent, MissingReason, Rejection};
pub use facts::MachineFacts;
pub use stability::Stability;
pub use system::{LocalSystem, Platform, System};

use component::Lookup;
use container::Environment;
use license_core::ComponentKind;

/// The components to collect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// The machine id.
    Identity,
    /// All components.
    All,
}

/// The components of a platform, without the configured id.
struct Survey {
    environment: Environment,
    outcomes: Vec<(ComponentKind, Lookup)>,
}

#[cfg(test)]
mod tests;
