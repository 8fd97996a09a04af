//! macOS, by the programs that come with it.

use std::io;

use license_core::ComponentKind::{Cpu, Mac, MachineId, ProductUuid, RootDisk};

use super::container::Surroundings;
use super::finding::{Outcome, first, judge};
use super::{Scope, Survey, System, identity};

/// Looks for everything in `scope`.
pub(super) fn survey(system: &dyn System, scope: Scope) -> Survey {
    let arguments = ["-rd1", "-c", "IOPlatformExpertDevice"];
    let platform = system.run("/usr/sbin/ioreg", &arguments);
    let property = |name| match &platform {
        Ok(output) => found(ioreg_property(output, name)),
        Err(error) => Err(error.kind().into()),
    };
    let id = property("IOPlatformUUID");
    let mut outcomes = vec![(MachineId, judge("IOPlatformUUID", id, identity::uuid))];
    if scope == Scope::All {
        let name = "IOPlatformSerialNumber";
        let serial = judge(name, property(name), identity::serial);
        outcomes.extend([
            (ProductUuid, serial),
            (Mac, mac(system)),
            (Cpu, cpu(system)),
            (RootDisk, root_disk(system)),
        ]);
    }
    Survey {
        surroundings: Surroundings::Machine,
        outcomes,
    }
}

/// `en0` is the first built-in card. networksetup(8) shows what the hardware says, not what was made up for a network.
fn mac(system: &dyn System) -> Outcome {
    let ports = system.run("/usr/sbin/networksetup", &["-listallhardwareports"]);
    let address = ports.and_then(|ports| found(address_of_en0(&ports)));
    judge("en0", address, identity::mac_address)
}

/// sysctl(3).
fn cpu(system: &dyn System) -> Outcome {
    let name = "machdep.cpu.brand_string";
    let model = system.run("/usr/sbin/sysctl", &["-n", name]);
    judge(name, model, identity::model)
}

/// The volume of the data that stays when the system's is replaced; before macOS 10.15 there is one for both.
fn root_disk(system: &dyn System) -> Outcome {
    let volumes = ["/System/Volumes/Data", "/"];
    first(volumes.into_iter().map(|volume| {
        let info = system.run("/usr/sbin/diskutil", &["info", "-plist", volume]);
        let uuid = info.and_then(|plist| found(plist_string(&plist, "VolumeUUID")));
        judge(volume, uuid, identity::uuid)
    }))
}

fn found(text: Option<&str>) -> io::Result<String> {
    Ok(text.ok_or(io::ErrorKind::NotFound)?.to_owned())
}

/// The text after `"name" = `, in quotes.
fn ioreg_property<'a>(output: &'a str, name: &str) -> Option<&'a str> {
    output.lines().find_map(|line| {
        let (key, value) = line.split_once(" = ")?;
        let key = key.trim().trim_matches('"');
        (key == name).then(|| value.trim().trim_matches('"'))
    })
}

/// Of the paragraph about `en0` the line that ends in an address. The labels may be translated.
fn address_of_en0(ports: &str) -> Option<&str> {
    let mut paragraphs = ports.split("\n\n");
    let en0 = paragraphs.find(|text| lines_after_colon(text).any(|value| value == "en0"))?;
    lines_after_colon(en0).find(|value| is_address(value))
}

fn lines_after_colon(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| Some(line.split_once(": ")?.1.trim()))
}

fn is_address(value: &str) -> bool {
    value.split(':').count() == 6
}

/// The `<string>` after `<key>name</key>`.
fn plist_string<'a>(plist: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = plist.split_once(&format!("<key>{name}</key>"))?;
    let value = rest.trim_start().strip_prefix("<string>")?;
    Some(value.split_once("</string>")?.0)
}
