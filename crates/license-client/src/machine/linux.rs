//! Machine components on Linux, from files of the kernel and of systemd.

mod disk;
mod network;

use std::path::Path;

use license_core::machine::ComponentKind::{Cpu, Mac, MachineId, ProductUuid, RootDisk};

use super::component::{Absence, Lookup, check, check_file, first};
use super::container::Environment;
use super::mounts::Mounts;
use super::{MissingReason, Rejection, Scope, Survey, System, identity};

/// The file with the board's UUID in SMBIOS, which `sysinfo` reads.
pub(super) const PRODUCT_UUID: &str = "/sys/class/dmi/id/product_uuid";

/// The files with the machine id: that of systemd, and that of D-Bus on systems without systemd.
const MACHINE_ID_FILES: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/// Reads the components in `scope`.
pub(super) fn survey(system: &dyn System, scope: Scope) -> Survey {
    let mounts = Mounts::read(system);
    let environment = Environment::on_linux(system, &mounts);
    let mut outcomes = vec![(MachineId, machine_id(system, &mounts, environment))];
    if scope == Scope::All {
        let changes_at_boot = Err(MissingReason::Rejected(Rejection::Transient).into());
        let in_container = Err(MissingReason::InContainer.into());
        let [uuid, mac, cpu, disk] = match environment {
            Environment::Container(_) | Environment::SystemContainer(_) => {
                [(); 4].map(|()| in_container.clone())
            }
            // Under WSL, the network card and the disks are created again at each start.
            Environment::Wsl => [
                product_uuid(system),
                changes_at_boot.clone(),
                cpu(system),
                changes_at_boot,
            ],
            Environment::Machine => [
                product_uuid(system),
                network::mac(system),
                cpu(system),
                disk::root_disk(system, &mounts),
            ],
        };
        outcomes.extend([
            (ProductUuid, uuid),
            (Mac, mac),
            (Cpu, cpu),
            (RootDisk, disk),
        ]);
    }
    Survey {
        environment,
        outcomes,
    }
}

/// Returns the machine id in the first file with content.
fn machine_id(system: &dyn System, mounts: &Mounts, environment: Environment) -> Lookup {
    let mut outcome = Err(MissingReason::NotFound.into());
    for file in MACHINE_ID_FILES {
        outcome = match check_ownership(system, mounts, environment, file) {
            Ok(()) => check_file(system, file, identity::machine_id),
            Err(reason) => Err(Absence {
                source: Some(file.to_owned()),
                reason,
            }),
        };
        if has_content(&outcome) {
            break;
        }
    }
    outcome
}

/// Checks that the id in the file belongs to this machine and is permanent.
fn check_ownership(
    system: &dyn System,
    mounts: &Mounts,
    environment: Environment,
    file: &str,
) -> Result<(), MissingReason> {
    let mount = mounts.at(file);
    if mount.is_none() && matches!(environment, Environment::Container(_)) {
        return Err(MissingReason::InContainer);
    }
    // If systemd cannot write the file, it mounts a generated id from /run/machine-id over it until
    // the next boot.
    let is_generated =
        mount.is_some_and(|mount| mount.kind == "tmpfs" && mount.root == "/machine-id");
    if is_generated && !is_on_command_line(system) {
        return Err(MissingReason::Rejected(Rejection::Transient));
    }
    Ok(())
}

/// Returns whether the kernel command line sets the machine id, which is then the same at each
/// boot.
fn is_on_command_line(system: &dyn System) -> bool {
    let line = system.read(Path::new("/proc/cmdline")).unwrap_or_default();
    line.split_ascii_whitespace()
        .any(|argument| argument.starts_with("systemd.machine_id="))
}

/// Returns whether the file exists and is not empty.
fn has_content(outcome: &Lookup) -> bool {
    let empty = [
        MissingReason::NotFound,
        MissingReason::Rejected(Rejection::Empty),
    ];
    outcome
        .as_ref()
        .map_or_else(|absence| !empty.contains(&absence.reason), |_| true)
}

/// Returns the UUID in SMBIOS, which only root may read. For a board without SMBIOS, returns the
/// serial number in the device tree.
fn product_uuid(system: &dyn System) -> Lookup {
    let device_tree = "/proc/device-tree/serial-number";
    first([
        check(PRODUCT_UUID, system.product_uuid(), identity::uuid),
        check_file(system, device_tree, identity::serial),
    ])
}

fn cpu(system: &dyn System) -> Lookup {
    let path = "/proc/cpuinfo";
    let model = system.read(Path::new(path)).map(|text| cpu_model(&text));
    first([
        check(path, model, identity::model),
        check_file(system, "/proc/device-tree/model", identity::model),
    ])
}

/// Returns the name of the first processor, or on ARM the numbers that identify it.
fn cpu_model(cpuinfo: &str) -> String {
    let field = |name: &str| {
        cpuinfo.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == name).then(|| value.trim())
        })
    };
    let numbers = ["CPU implementer", "CPU variant", "CPU part"].map(field);
    match (field("model name"), numbers) {
        (Some(model), _) => model.to_owned(),
        (None, [Some(implementer), Some(variant), Some(part)]) => {
            format!("{implementer} {variant} {part}")
        }
        (None, _) => String::new(),
    }
}
