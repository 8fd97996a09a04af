//! Machine components on macOS, from IOKit, sysctl(3) and system programs.

use std::io;

use license_core::machine::ComponentKind::{Cpu, Mac, MachineId, ProductUuid, RootDisk};

use super::component::{Lookup, check, first};
use super::container::Environment;
use super::{Scope, Survey, System, identity};

/// Reads the components in `scope`.
pub(super) fn survey(system: &dyn System, scope: Scope) -> Survey {
    let id = check("IOPlatformUUID", system.product_uuid(), identity::uuid);
    let mut outcomes = vec![(MachineId, id)];
    if scope == Scope::All {
        let serial = system.product_serial_number();
        let model = system.cpu_brand();
        outcomes.extend([
            (
                ProductUuid,
                check("IOPlatformSerialNumber", serial, identity::serial),
            ),
            (Mac, mac(system)),
            (
                Cpu,
                check("machdep.cpu.brand_string", model, identity::model),
            ),
            (RootDisk, root_disk(system)),
        ]);
    }
    Survey {
        environment: Environment::Machine,
        outcomes,
    }
}

/// Returns the address of `en0`, the first built-in card.
///
/// networksetup(8) prints the hardware address. `sysinfo` uses getifaddrs(3), which returns the
/// address that is in use. That address may be random.
fn mac(system: &dyn System) -> Lookup {
    let ports = system.run("/usr/sbin/networksetup", &["-listallhardwareports"]);
    let address = ports.and_then(|ports| or_not_found(address_of_en0(&ports)));
    check("en0", address, identity::mac_address)
}

/// Returns the UUID of the data volume, which stays when the system volume is replaced. Before
/// macOS 10.15, one volume contains both the system and the data.
fn root_disk(system: &dyn System) -> Lookup {
    let volumes = ["/System/Volumes/Data", "/"];
    first(volumes.into_iter().map(|volume| {
        let info = system.run("/usr/sbin/diskutil", &["info", "-plist", volume]);
        let uuid = info.and_then(|plist| or_not_found(plist_string(&plist, "VolumeUUID")));
        check(volume, uuid, identity::uuid)
    }))
}

fn or_not_found(text: Option<&str>) -> io::Result<String> {
    Ok(text.ok_or(io::ErrorKind::NotFound)?.to_owned())
}

/// Returns the address in the paragraph about `en0`. The labels may be translated.
fn address_of_en0(ports: &str) -> Option<&str> {
    let mut paragraphs = ports.split("\n\n");
    let en0 = paragraphs.find(|text| values_after_colon(text).any(|value| value == "en0"))?;
    values_after_colon(en0).find(|value| is_address(value))
}

fn values_after_colon(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| Some(line.split_once(": ")?.1.trim()))
}

fn is_address(value: &str) -> bool {
    value.split(':').count() == 6
}

/// Returns the `<string>` after `<key>name</key>`.
fn plist_string<'a>(plist: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = plist.split_once(&format!("<key>{name}</key>"))?;
    let value = rest.trim_start().strip_prefix("<string>")?;
    Some(value.split_once("</string>")?.0)
}
