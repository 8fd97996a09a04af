//! Components of simulated macOS machines.

use std::io;

use super::simulated::{CPU_BRAND, PRODUCT_UUID, SERIAL_NUMBER};
use super::*;
use MissingReason::{NotFound, Rejected, TimedOut, Unreadable};

const PORTS: &str = "/usr/sbin/networksetup -listallhardwareports";
const DATA: &str = "/usr/sbin/diskutil info -plist /System/Volumes/Data";
const ROOT: &str = "/usr/sbin/diskutil info -plist /";

const UUID: &str = "5A1B0C77-3D2E-5F60-9A8B-7C6D5E4F3A2B";

const HARDWARE_PORTS: &str = "
Hardware Port: Ethernet Adapter (en4)
Device: en4
Ethernet Address: 1e:00:8a:11:22:33

Hardware Port: Wi-Fi
Device: en0
Ethernet Address: 3C:6A:A7:11:22:33

Hardware Port: Thunderbolt Bridge
Device: bridge0
Ethernet Address: 36:aa:bb:cc:dd:40

VLAN Configurations
===================
";

fn plist(uuid: &str) -> String {
    format!(
        "<plist version=\"1.0\">\n<dict>\n\t<key>APFSVolumeGroupID</key>\n\t<string>group</string>\n\
         \t<key>VolumeUUID</key>\n\t<string>{uuid}</string>\n</dict>\n</plist>\n"
    )
}

fn mac() -> Simulated {
    Simulated::new(Platform::MacOs)
        .with_value(PRODUCT_UUID, UUID)
        .with_value(SERIAL_NUMBER, "C02XM234JGHH")
        .with_value(CPU_BRAND, "Apple M1 Pro")
        .prints(PORTS, HARDWARE_PORTS)
        .prints(DATA, &plist("0C1D2E3F-4A5B-4C6D-8E7F-90A1B2C3D4E5"))
        .prints(ROOT, &plist("11111111-2222-4333-8444-555555555555"))
}

#[test]
fn all_components_of_a_mac_are_found() {
    let facts = collect(&mac());
    let values: Vec<_> = facts
        .found()
        .map(|found| (found.kind(), found.value()))
        .collect();
    assert_eq!(
        values,
        [
            (MachineId, "5a1b0c77-3d2e-5f60-9a8b-7c6d5e4f3a2b"),
            (ProductUuid, "c02xm234jghh"),
            (Mac, "3c:6a:a7:11:22:33"),
            (Cpu, "apple m1 pro"),
            (RootDisk, "0c1d2e3f-4a5b-4c6d-8e7f-90a1b2c3d4e5"),
        ]
    );
    assert_eq!(facts.stability(), Stability::Stable);
}

#[test]
fn identify_reads_only_the_uuid() {
    let system = Simulated::new(Platform::MacOs).with_value(PRODUCT_UUID, UUID);
    let facts = MachineFacts::identify_from(&system, product(), None);
    assert_eq!(kinds(&facts), [MachineId]);
    assert_eq!(facts.digest(), collect(&mac()).digest());
}

#[test]
fn translated_labels_make_no_difference() {
    let german = "\nHardwareanschluss: WLAN\nGerät: en0\nEthernet-Adresse: 3c:6a:a7:11:22:33\n\n";
    let facts = collect(&mac().prints(PORTS, german));
    assert_eq!(value(&facts, Mac), Some("3c:6a:a7:11:22:33"));
}

#[test]
fn the_root_volume_is_used_if_there_is_no_data_volume() {
    let facts = collect(&mac().fails(DATA, io::ErrorKind::Other));
    assert_eq!(
        value(&facts, RootDisk),
        Some("11111111-2222-4333-8444-555555555555")
    );
}

#[test]
fn a_component_whose_source_fails_is_missing() {
    let facts = collect(
        &mac()
            .failing_value(PRODUCT_UUID, io::ErrorKind::TimedOut)
            .failing_value(SERIAL_NUMBER, io::ErrorKind::NotFound)
            .prints(
                PORTS,
                "Hardware Port: Wi-Fi\nDevice: en0\nEthernet Address: N/A\n",
            )
            .failing_value(CPU_BRAND, io::ErrorKind::Other)
            .prints(DATA, "Could not find disk\n")
            .prints(ROOT, ""),
    );
    assert_eq!(kinds(&facts), []);
    assert_eq!(reason(&facts, MachineId), Some(TimedOut));
    assert_eq!(reason(&facts, Mac), Some(NotFound));
    assert_eq!(reason(&facts, Cpu), Some(Unreadable));
    assert_eq!(reason(&facts, RootDisk), Some(NotFound));
    assert_eq!(facts.stability(), Stability::None);
}

#[test]
fn placeholders_are_rejected() {
    let zeros = "00000000-0000-0000-0000-000000000000";
    let system = mac().with_value(PRODUCT_UUID, zeros);
    let facts = collect(&system.with_value(SERIAL_NUMBER, "System Serial#"));
    assert_eq!(
        reason(&facts, MachineId),
        Some(Rejected(Rejection::Uniform))
    );
    let default = Rejected(Rejection::FirmwareDefault);
    assert_eq!(reason(&facts, ProductUuid), Some(default));
}
