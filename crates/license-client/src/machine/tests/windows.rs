//! Components of simulated Windows machines.

use std::io;

use super::simulated::PRODUCT_UUID;
use super::*;
use crate::machine::windows::LIST_CARDS;
use MissingReason::{InContainer, NotFound, Rejected, TimedOut, Unreadable};

const GUID: &str = r"SOFTWARE\Microsoft\Cryptography\MachineGuid";
const PROCESSOR: &str = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0\ProcessorNameString";
const DEVICE: &str = r"SYSTEM\MountedDevices\\DosDevices\C:";
const CONTAINER: &str = r"SYSTEM\CurrentControlSet\Control\ContainerType";

fn powershell() -> String {
    let program = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe";
    format!(
        "{program} -NoProfile -NonInteractive -Command {}",
        LIST_CARDS
    )
}

fn pc() -> Simulated {
    Simulated::new(Platform::Windows)
        .set("SystemRoot", r"C:\Windows")
        .set("SystemDrive", "C:")
        .with_value(GUID, "6f1a2b3c-4d5e-4f70-8192-a3b4c5d6e7f8")
        .with_value(PRODUCT_UUID, "4C4C4544-0051-3610-8052-B4C04F564433")
        .with_value(PROCESSOR, "Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz")
        .with_value(DEVICE, "444d494f3a49443a27b1c8f1e2d3c4b5a697887960514233")
        .prints(
            &powershell(),
            "9 3C6AA7112233 PCI\\VEN_8086&DEV_24FD\\4&1\r\n\
             14 00051BAABBCC USB\\VID_0BDA&PID_8153\\0001\r\n\
             10 3C6AA7112234 BTH\\MS_BTHPAN\\6&2\r\n\
             14 F0DEF1000002 PCI\\VEN_8086&DEV_15D7\\3&1\r\n\
             0 F0DEF1000001 PCI\\VEN_15AD&DEV_07B0\\3&2\r\n",
        )
}

#[test]
fn all_components_of_a_pc_are_found() {
    let facts = collect(&pc());
    let values: Vec<_> = facts
        .found()
        .map(|found| (found.kind(), found.value()))
        .collect();
    assert_eq!(
        values,
        [
            (MachineId, "6f1a2b3c-4d5e-4f70-8192-a3b4c5d6e7f8"),
            (ProductUuid, "4c4c4544-0051-3610-8052-b4c04f564433"),
            (Mac, "f0:de:f1:00:00:01"),
            (Cpu, "intel(r) core(tm) i7-8650u cpu @ 1.90ghz"),
            (RootDisk, "444d494f3a49443a27b1c8f1e2d3c4b5a697887960514233"),
        ]
    );
    assert_eq!(facts.stability(), Stability::Stable);
}

#[test]
fn a_wireless_card_takes_precedence_over_a_usb_card_and_bluetooth_is_ignored() {
    let cards = "14 00051BAABBCC USB\\VID_0BDA\\0001\r\n10 000000000001 BTH\\MS_BTHPAN\\6\r\n\
                 9 3C6AA7112233 PCI\\VEN_8086\\4\r\n";
    let facts = collect(&pc().prints(&powershell(), cards));
    assert_eq!(value(&facts, Mac), Some("3c:6a:a7:11:22:33"));
}

#[test]
fn identify_reads_only_the_machine_guid() {
    let guid = "6f1a2b3c-4d5e-4f70-8192-a3b4c5d6e7f8";
    let system = Simulated::new(Platform::Windows).with_value(GUID, guid);
    let facts = MachineFacts::identify_from(&system, product(), None);
    assert_eq!(kinds(&facts), [MachineId]);
    assert_eq!(facts.digest(), collect(&pc()).digest());
}

#[test]
fn the_ids_of_a_windows_container_are_those_of_its_image() {
    let facts = collect(&pc().with_value(CONTAINER, "2"));
    assert_eq!(facts.container(), Some("windows"));
    assert_eq!(kinds(&facts), []);
    assert_eq!(reason(&facts, MachineId), Some(InContainer));
}

#[test]
fn a_component_whose_source_fails_is_missing() {
    let facts = collect(
        &pc()
            .failing_value(GUID, io::ErrorKind::NotFound)
            .failing_value(PRODUCT_UUID, io::ErrorKind::Other)
            .with_value(PROCESSOR, "")
            .failing_value(DEVICE, io::ErrorKind::NotFound)
            .fails(&powershell(), io::ErrorKind::TimedOut),
    );
    assert_eq!(kinds(&facts), []);
    assert_eq!(reason(&facts, MachineId), Some(NotFound));
    assert_eq!(reason(&facts, ProductUuid), Some(Unreadable));
    assert_eq!(reason(&facts, Mac), Some(TimedOut));
    assert_eq!(reason(&facts, Cpu), Some(Rejected(Rejection::Empty)));
    assert_eq!(reason(&facts, RootDisk), Some(NotFound));
}

#[test]
fn unexpected_output_is_rejected() {
    for output in [
        "\u{fffd}\u{fffd}é",
        "MachineGuid",
        "MachineGuid REG_SZ x",
        "MachineGuidREG_SZ",
        "14 zz",
    ] {
        let facts = collect(&pc().with_value(GUID, output).prints(&powershell(), output));
        assert_eq!(facts.machine_id(), None, "{output}");
        assert_eq!(value(&facts, Mac), None, "{output}");
    }
}

#[test]
fn another_system_root_is_used_but_a_relative_system_root_is_not() {
    let cards = "14 F0DEF1000002 PCI\\VEN_8086&DEV_15D7\\3&1\r\n";
    let elsewhere = powershell().replace(r"C:\Windows", r"D:\WINNT");
    let system = Simulated::new(Platform::Windows)
        .set("SystemRoot", r"D:\WINNT")
        .prints(&elsewhere, cards);
    assert!(value(&collect(&system), Mac).is_some());
    let relative = pc().set("SystemRoot", r"tools");
    assert!(value(&collect(&relative), Mac).is_some());
}
