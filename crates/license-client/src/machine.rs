//! Components that identify this machine.
//!
//! - `given`: the id that an administrator configured: `{PRODUCT}_MACHINE_ID`,
//!   `{PRODUCT}_MACHINE_ID_FILE`, or the file `machine-id` in the system directory.
//! - `id`: machine-id(5) on Linux, `IOPlatformUUID` on macOS, `MachineGuid` on Windows.
//! - `uuid`: the UUID of the board. On Linux, only root can read it, and a board without SMBIOS has
//!   a serial number in its device tree instead. On macOS, this is the serial number.
//! - `mac`: the lowest permanent address of a built-in network card. On macOS, the address of
//!   `en0`.
//! - `cpu`: the model in `/proc/cpuinfo` on Linux, `machdep.cpu.brand_string` on macOS,
//!   `ProcessorNameString` on Windows.
//! - `disk`: the disk of the root directory (its world-wide name, serial number or file system),
//!   the data volume on macOS, the partition of the system drive on Windows.
//!
//! In a container, only a configured id counts, or a machine id that the administrator mounted. All
//! other components belong to the host or the image, or are lost with the container. A system
//! container also has its own machine id.

mod clock_files;
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

pub(crate) use clock_files::clock_evidence;
pub use component::{FoundComponent, MissingComponent, MissingReason, Rejection};
pub use facts::MachineFacts;
pub use mounts::bind_mount_source;
pub use stability::Stability;
pub use system::{LocalSystem, Platform, System};

use component::Lookup;
use container::Environment;
use license_core::machine::ComponentKind;
#[cfg(unix)]
use mounts::Mounts;

/// Returns whether the root directory of this process has a file system for images of containers.
#[cfg(unix)]
pub(crate) fn has_layered_root() -> bool {
    let mounts = Mounts::read(&LocalSystem);
    mounts.at("/").is_some_and(|root| root.is_layered())
}

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
