//! Machine components on Windows, from firmware tables, the registry and PowerShell.

use license_core::machine::ComponentKind::{self, Cpu, Mac, MachineId, ProductUuid, RootDisk};

use super::component::{Lookup, Normalize, check, first};
use super::container::Environment;
use super::{MissingReason, Scope, Survey, System, identity};

/// Prints the medium of each card (`NDIS_PHYSICAL_MEDIUM`), its permanent address, and its device
/// id, which begins with its bus.
pub(super) const LIST_CARDS: &str = "Get-NetAdapter -Physical | ForEach-Object { \
    \"$($_.NdisPhysicalMedium) $($_.PermanentAddress) $($_.PnPDeviceID)\" }";

/// Reads the components in `scope`.
pub(super) fn survey(system: &dyn System, scope: Scope) -> Survey {
    let environment = environment(system);
    let mut kinds = vec![MachineId];
    if scope == Scope::All {
        kinds.extend([ProductUuid, Mac, Cpu, RootDisk]);
    }
    let outcome = |kind| match environment {
        Environment::Machine => lookup(system, kind),
        _ => Err(MissingReason::InContainer.into()),
    };
    Survey {
        environment,
        outcomes: kinds
            .into_iter()
            .map(|kind| (kind, outcome(kind)))
            .collect(),
    }
}

/// Returns the environment. In a Windows container, the machine id belongs to the image.
fn environment(system: &dyn System) -> Environment {
    let key = r"SYSTEM\CurrentControlSet\Control";
    match system.registry(key, "ContainerType") {
        Ok(_) => Environment::Container("windows"),
        Err(_) => Environment::Machine,
    }
}

fn lookup(system: &dyn System, kind: ComponentKind) -> Lookup {
    let registry = |key: &str, name: &str, normalize: Normalize| {
        let source = format!(r"HKLM\{key}\{name}");
        check(&source, system.registry(key, name), normalize)
    };
    match kind {
        MachineId => {
            let key = r"SOFTWARE\Microsoft\Cryptography";
            registry(key, "MachineGuid", identity::uuid)
        }
        ProductUuid => check("SMBIOS", system.product_uuid(), identity::uuid),
        Mac => mac(system),
        Cpu => {
            // `sysinfo` returns the same value on x86, but sets up performance counters first. On
            // ARM it returns nothing.
            let key = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0";
            registry(key, "ProcessorNameString", identity::model)
        }
        RootDisk => {
            let name = format!(r"\DosDevices\{}", system_drive(system));
            registry(r"SYSTEM\MountedDevices", &name, identity::serial)
        }
        _ => Err(MissingReason::NotApplicable.into()),
    }
}

/// Returns the first acceptable permanent address. Cards that are harder to detach come first, then
/// lower addresses, as on Linux.
fn mac(system: &dyn System) -> Lookup {
    let source = "Get-NetAdapter";
    let program = system_program(system, r"WindowsPowerShell\v1.0\powershell.exe");
    let arguments = ["-NoProfile", "-NonInteractive", "-Command", LIST_CARDS];
    let cards = match system.run(&program, &arguments) {
        Ok(cards) => cards,
        Err(error) => return check(source, Err(error), identity::mac_address),
    };
    let mut cards: Vec<(u8, String)> = cards.lines().filter_map(card).collect();
    cards.sort();
    let outcome = |(_, address)| check(source, Ok(address), identity::mac_address);
    first(cards.into_iter().map(outcome))
}

/// Returns how permanently a card is attached, with 0 for the most permanent, and its address.
fn card(line: &str) -> Option<(u8, String)> {
    /// `NdisPhysicalMediumBluetooth`.
    const BLUETOOTH: &str = "10";
    /// `NdisPhysicalMediumNative802_11`.
    const WIRELESS: &str = "9";
    let mut words = line.split_ascii_whitespace();
    let (medium, address, device) = (words.next()?, words.next()?, words.next()?);
    let attachment = match medium {
        BLUETOOTH => return None,
        _ if device.starts_with(r"USB\") => 2,
        WIRELESS => 1,
        _ => 0,
    };
    Some((attachment, with_colons(address)))
}

/// Adds colons to an address, because `Get-NetAdapter` prints only its digits.
fn with_colons(digits: &str) -> String {
    if digits.len() != 12 || !digits.is_ascii() {
        return digits.to_owned();
    }
    let octets = (0..12)
        .step_by(2)
        .filter_map(|at| digits.get(at..at + 2))
        .collect::<Vec<_>>();
    octets.join(":")
}

/// Returns the full path of a program in the Windows directory, because the search path may contain
/// another program with the same name.
fn system_program(system: &dyn System, program: &str) -> String {
    let root = system.variable("SystemRoot");
    let root = root.and_then(|root| root.into_string().ok());
    let root = root
        .filter(|root| starts_with_drive(root))
        .unwrap_or_else(|| r"C:\Windows".to_owned());
    format!(r"{root}\System32\{program}")
}

fn system_drive(system: &dyn System) -> String {
    let drive = system.variable("SystemDrive");
    let drive = drive.and_then(|drive| drive.into_string().ok());
    drive
        .filter(|drive| drive.len() == 2 && starts_with_drive(drive))
        .unwrap_or_else(|| "C:".to_owned())
}

fn starts_with_drive(path: &str) -> bool {
    let mut bytes = path.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic()) && bytes.next() == Some(b':')
}
