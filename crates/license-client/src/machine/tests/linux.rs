//! Components of simulated Linux machines.

use std::io;

use super::*;
use MissingReason::{NotFound, NotPermitted, Rejected};

const UUID: &str = "4c4c4544-0051-3610-8052-b4c04f564433";
const SMBIOS: &str = "/sys/class/dmi/id/product_uuid";

/// Returns a machine with only a machine id and a processor.
pub(super) fn bare() -> Simulated {
    Simulated::new(Platform::Linux)
        .file("/etc/machine-id", &format!("{ID}\n"))
        .file("/proc/sys/kernel/osrelease", "6.8.0-45-generic\n")
        .file(
            "/proc/cpuinfo",
            "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 7302P  16-Core Processor\n\
             processor\t: 1\nmodel name\t: another\n",
        )
        .file("/proc/self/cgroup", "0::/user.slice/user-1000.slice/session-2.scope\n")
        .file("/proc/1/cgroup", "0::/init.scope\n")
        .symlink("/proc/self/ns/pid", "pid:[4026531836]")
}

/// Adds a network card at this path under `/sys/devices`.
pub(super) fn card(system: Simulated, name: &str, slot: &str, address: &str) -> Simulated {
    let directory = format!("/sys/class/net/{name}");
    system
        .symlink(&directory, &format!("../../devices/{slot}/net/{name}"))
        .symlink(&format!("{directory}/device"), "../..")
        .files(
            &directory,
            &[
                ("type", "1\n"),
                ("addr_assign_type", "0\n"),
                ("address", address),
            ],
        )
}

/// Returns a server with two cards, and with a root file system on LVM on two mirrored disks. All
/// its files are readable, as they are for root.
fn server() -> Simulated {
    let system = bare().file(SMBIOS, &format!("{UUID}\n"));
    let system = card(
        system,
        "eno1",
        "pci0000:00/0000:00:1c.0/0000:02:00.0",
        "b0:7b:25:d1:00:11\n",
    );
    let system = card(
        system,
        "eno2",
        "pci0000:00/0000:00:1c.0/0000:02:00.1",
        "b0:7b:25:d1:00:10\n",
    );
    let port = "pci0000:00/0000:00:17.0";
    system
        .mount("252:1 / / - ext4 /dev/mapper/vg0-root")
        .symlink("/sys/dev/block/252:1", "../../devices/virtual/block/dm-1")
        .symlink("/sys/devices/virtual/block/dm-1/slaves/md0", "../../md0")
        .symlink(
            "/sys/devices/virtual/block/md0/slaves/sda2",
            &format!("../../../../{port}/block/sda/sda2"),
        )
        .symlink(
            "/sys/devices/virtual/block/md0/slaves/sdb2",
            &format!("../../../../{port}/block/sdb/sdb2"),
        )
        .file(
            &format!("/sys/devices/{port}/block/sda/sda2/partition"),
            "2\n",
        )
        .file(
            &format!("/sys/devices/{port}/block/sdb/sdb2/partition"),
            "2\n",
        )
        .file(
            &format!("/sys/devices/{port}/block/sda/device/wwid"),
            "naa.5000C500A1B2C3D9\n",
        )
        .file(
            &format!("/sys/devices/{port}/block/sdb/device/wwid"),
            "naa.5000C500A1B2C3D4\n",
        )
}

/// Returns a virtual machine of QEMU with one disk and one card.
fn virtual_machine() -> Simulated {
    card(
        bare(),
        "enp1s0",
        "pci0000:00/0000:01:00.0/virtio0",
        "52:54:00:9e:10:77\n",
    )
    .unreadable(SMBIOS, io::ErrorKind::PermissionDenied)
    .mount("254:1 / / - ext4 /dev/vda1")
    .symlink(
        "/sys/dev/block/254:1",
        "../../devices/pci0000:00/virtio1/block/vda/vda1",
    )
    .file(
        "/sys/devices/pci0000:00/virtio1/block/vda/vda1/partition",
        "1\n",
    )
    .symlink(
        "/dev/disk/by-uuid/0d1e2f3a-4b5c-4d6e-8f70-a1b2c3d4e5f6",
        "../../vda1",
    )
}

#[test]
fn all_components_of_a_server_are_found_by_root() {
    let facts = collect(&server());
    assert_eq!(kinds(&facts), [MachineId, ProductUuid, Mac, Cpu, RootDisk]);
    assert_eq!(value(&facts, MachineId), Some(ID));
    assert_eq!(value(&facts, ProductUuid), Some(UUID));
    assert_eq!(value(&facts, Cpu), Some("amd epyc 7302p 16-core processor"));
    let missing: Vec<_> = facts.missing().map(MissingComponent::kind).collect();
    assert_eq!(missing, [AssignedId]);
    assert_eq!(facts.container(), None);
    assert_eq!(facts.stability(), Stability::Stable);
}

#[test]
fn each_component_has_a_source() {
    let facts = collect(&server());
    let sources: Vec<_> = facts.found().map(FoundComponent::source).collect();
    assert_eq!(
        sources,
        [
            "/etc/machine-id",
            SMBIOS,
            "/sys/class/net/eno2/address",
            "/proc/cpuinfo",
            "/sys/devices/pci0000:00/0000:00:17.0/block/sdb/device/wwid",
        ]
    );
}

#[test]
fn only_root_may_read_the_uuid_of_the_board() {
    let facts = collect(&server().unreadable(SMBIOS, io::ErrorKind::PermissionDenied));
    assert_eq!(reason(&facts, ProductUuid), Some(NotPermitted));
    let missing = facts
        .missing()
        .find(|missing| missing.kind() == ProductUuid);
    assert_eq!(missing.unwrap().source(), Some(SMBIOS));
    assert_eq!(facts.stability(), Stability::Stable);
    assert_eq!(facts.digest(), collect(&server()).digest());
}

#[test]
fn identify_reads_only_ids_and_returns_the_same_digest() {
    let facts = MachineFacts::identify_from(&server(), product(), None);
    assert_eq!(kinds(&facts), [MachineId]);
    assert_eq!(facts.machine_id(), Some(ID));
    assert_eq!(facts.digest(), collect(&server()).digest());
}

#[test]
fn the_lowest_of_several_cards_and_disks_is_used() {
    let facts = collect(&server());
    assert_eq!(value(&facts, Mac), Some("b0:7b:25:d1:00:10"));
    assert_eq!(value(&facts, RootDisk), Some("naa.5000c500a1b2c3d4"));
}

#[test]
fn a_virtual_machine_has_a_card_and_a_file_system_of_its_own() {
    let facts = collect(&virtual_machine());
    assert_eq!(kinds(&facts), [MachineId, Mac, Cpu, RootDisk]);
    assert_eq!(value(&facts, Mac), Some("52:54:00:9e:10:77"));
    assert_eq!(
        value(&facts, RootDisk),
        Some("0d1e2f3a-4b5c-4d6e-8f70-a1b2c3d4e5f6")
    );
    assert_eq!(facts.stability(), Stability::Stable);
}

#[test]
fn the_serial_number_of_a_virtual_disk_takes_precedence_over_its_file_system() {
    let named = |serial| {
        let path = "/sys/devices/pci0000:00/virtio1/block/vda/serial";
        collect(&virtual_machine().file(path, serial))
    };
    assert_eq!(value(&named("vol-0042\n"), RootDisk), Some("vol-0042"));
    for default in [
        "",
        "\n",
        "QM00001",
        "drive-scsi0",
        "persistent-disk-0",
        "nvme_card-pd",
    ] {
        let file_system = value(&collect(&virtual_machine()), RootDisk).map(str::to_owned);
        let facts = named(default);
        assert_eq!(value(&facts, RootDisk), file_system.as_deref(), "{default}");
    }
}

#[test]
fn a_docking_station_does_not_change_the_address_of_a_laptop() {
    let wlan = card(
        bare(),
        "wlp2s0",
        "pci0000:00/0000:00:1d.0/0000:02:00.0",
        "f6:00:00:00:00:01\n",
    )
    .file(
        "/sys/class/net/wlp2s0/phy80211/macaddress",
        "3c:6a:a7:11:22:33\n",
    )
    .file("/sys/class/net/wlp2s0/addr_assign_type", "3\n");
    let docked = card(
        wlan.clone(),
        "enx00051b",
        "pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0",
        "00:05:1b:aa:bb:cc\n",
    );
    let thunderbolt = card(
        wlan.clone(),
        "enp9s0",
        "pci0000:00/0000:09:00.0",
        "00:01:02:03:04:05\n",
    )
    .file("/sys/class/net/enp9s0/device/removable", "removable\n");
    for system in [&wlan, &docked, &thunderbolt] {
        assert_eq!(value(&collect(system), Mac), Some("3c:6a:a7:11:22:33"));
    }
}

#[test]
fn the_permanent_address_of_the_most_permanently_attached_card_is_used() {
    let usb = card(
        bare(),
        "eth0",
        "platform/soc/3f980000.usb/usb1/1-1/1-1.1",
        "b8:27:eb:12:34:56\n",
    );
    let wired = card(
        bare(),
        "enp0s31f6",
        "pci0000:00/0000:00:1f.6",
        "f0:de:f1:00:00:01\n",
    );
    let wired_and_wireless = card(
        wired,
        "wlp3s0",
        "pci0000:00/0000:03:00.0",
        "3c:6a:a7:11:22:33\n",
    )
    .file(
        "/sys/class/net/wlp3s0/phy80211/macaddress",
        "3c:6a:a7:11:22:33\n",
    );
    let bonded = card(
        bare(),
        "eno1",
        "pci0000:00/0000:02:00.0",
        "b0:7b:25:d1:00:99\n",
    )
    .file("/sys/class/net/eno1/addr_assign_type", "3\n")
    .file(
        "/sys/class/net/eno1/bonding_slave/perm_hwaddr",
        "b0:7b:25:d1:00:10\n",
    );
    let cases = [
        ("a USB card is the only card", usb, "b8:27:eb:12:34:56"),
        (
            "a wired card and a wireless card",
            wired_and_wireless,
            "f0:de:f1:00:00:01",
        ),
        ("a card in a bond", bonded, "b0:7b:25:d1:00:10"),
    ];
    for (name, system, address) in cases {
        assert_eq!(value(&collect(&system), Mac), Some(address), "{name}");
    }
}

#[test]
fn interfaces_that_are_not_cards_of_this_machine_are_ignored() {
    let no_device = card(bare(), "docker0", "virtual", "02:42:0a:00:00:01\n")
        .without("/sys/class/net/docker0/device");
    let simulated = card(
        bare(),
        "wlan0",
        "virtual/mac80211_hwsim/hwsim0",
        "00:11:22:33:44:55\n",
    );
    let random = card(
        bare(),
        "eth0",
        "pci0000:00/0000:01:00.0",
        "00:11:22:33:44:55\n",
    )
    .file("/sys/class/net/eth0/addr_assign_type", "1\n");
    let virtual_function = card(
        bare(),
        "eth0",
        "pci0000:00/0000:01:00.1",
        "00:11:22:33:44:55\n",
    )
    .symlink("/sys/class/net/eth0/device/physfn", "../0000:01:00.0");
    let infiniband = card(
        bare(),
        "ib0",
        "pci0000:00/0000:01:00.0",
        "00:11:22:33:44:55\n",
    )
    .file("/sys/class/net/ib0/type", "32\n");
    for (name, system) in [
        ("no interface", bare()),
        ("no device", no_device),
        ("simulated card", simulated),
        ("random address", random),
        ("virtual function", virtual_function),
        ("InfiniBand", infiniband),
    ] {
        assert_eq!(reason(&collect(&system), Mac), Some(NotFound), "{name}");
    }
}

#[test]
fn a_default_address_is_skipped() {
    let default_card = |system| {
        card(
            system,
            "eth0",
            "pci0000:00/0000:01:00.0",
            "42:01:0a:80:00:02\n",
        )
    };
    let default = Some(Rejected(Rejection::FirmwareDefault));
    assert_eq!(reason(&collect(&default_card(bare())), Mac), default);
    let two = card(
        default_card(bare()),
        "eth1",
        "pci0000:00/0000:02:00.0",
        "b0:7b:25:d1:00:10\n",
    );
    assert_eq!(value(&collect(&two), Mac), Some("b0:7b:25:d1:00:10"));
}

#[test]
fn a_file_system_without_a_device_number_is_found_by_its_device_name() {
    let nvme = "/sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1";
    let disk = |system: Simulated| {
        system
            .file(&format!("{nvme}/nvme0n1p2/partition"), "2\n")
            .file(&format!("{nvme}/wwid"), "eui.0025388b71b2c3d4\n")
    };
    let plain = disk(bare())
        .mount("0:25 /@ / - btrfs /dev/nvme0n1p2")
        .symlink(
            "/sys/class/block/nvme0n1p2",
            &format!("../..{}/nvme0n1p2", &nvme[4..]),
        );
    let encrypted = disk(bare())
        .mount("0:25 /@ / - btrfs /dev/mapper/luks-1")
        .symlink("/dev/mapper/luks-1", "../dm-0")
        .symlink("/sys/class/block/dm-0", "../../devices/virtual/block/dm-0")
        .symlink(
            "/sys/devices/virtual/block/dm-0/slaves/nvme0n1p2",
            &format!("../../../..{}/nvme0n1p2", &nvme["/sys/devices".len()..]),
        );
    for system in [plain, encrypted] {
        assert_eq!(
            value(&collect(&system), RootDisk),
            Some("eui.0025388b71b2c3d4")
        );
    }
    let none = bare().mount("0:26 / / - zfs rpool/ROOT/debian");
    assert_eq!(reason(&collect(&none), RootDisk), Some(NotFound));
}

#[test]
fn the_topmost_of_several_mounts_counts() {
    let system = virtual_machine();
    let before = collect(&Simulated::new(Platform::Linux).mount("0:2 / / - rootfs rootfs"));
    assert_eq!(reason(&before, RootDisk), Some(NotFound));
    let on_top = system.mount("0:30 / / - tmpfs tmpfs");
    assert_eq!(reason(&collect(&on_top), RootDisk), Some(NotFound));
}

#[test]
fn an_incomplete_or_circular_tree_of_devices_does_not_cause_an_endless_loop() {
    let system = bare()
        .mount("252:0 / / - ext4 /dev/dm-0")
        .symlink("/sys/dev/block/252:0", "../../devices/virtual/block/dm-0")
        .symlink("/sys/devices/virtual/block/dm-0/slaves/dm-1", "../../dm-1")
        .symlink("/sys/devices/virtual/block/dm-1/slaves/dm-0", "../../dm-0");
    assert_eq!(reason(&collect(&system), RootDisk), Some(NotFound));
}

#[test]
fn arm_processors_are_identified_by_numbers_and_boards_by_their_device_tree() {
    let numbers = "processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\n";
    let server = collect(&bare().file("/proc/cpuinfo", numbers));
    assert_eq!(value(&server, Cpu), Some("0x41 0x3 0xd0c"));
    let board = bare()
        .file("/proc/cpuinfo", "hart : 0\n")
        .file(
            "/proc/device-tree/model",
            "Raspberry Pi 4 Model B Rev 1.2\0",
        )
        .file("/proc/device-tree/serial-number", "10000000abcdef12\0");
    let board = collect(&board);
    assert_eq!(value(&board, Cpu), Some("raspberry pi 4 model b rev 1.2"));
    assert_eq!(value(&board, ProductUuid), Some("10000000abcdef12"));
}

#[test]
fn the_machine_id_of_dbus_is_used_if_systemd_has_none() {
    let dbus = "/var/lib/dbus/machine-id";
    let absent = bare().without("/etc/machine-id").file(dbus, ID);
    let empty = bare().file("/etc/machine-id", "\n").file(dbus, ID);
    for system in [absent, empty] {
        let facts = collect(&system);
        assert_eq!(facts.machine_id(), Some(ID));
        assert_eq!(facts.found().next().unwrap().source(), dbus);
    }
    let wrong = bare()
        .file("/etc/machine-id", "uninitialized\n")
        .file(dbus, ID);
    let uninitialized = Some(Rejected(Rejection::Uninitialized));
    assert_eq!(reason(&collect(&wrong), MachineId), uninitialized);
}

#[test]
fn a_transient_machine_id_of_systemd_is_rejected() {
    let generated = bare().mount("0:24 /machine-id /etc/machine-id - tmpfs tmpfs");
    let transient = Some(Rejected(Rejection::Transient));
    assert_eq!(reason(&collect(&generated), MachineId), transient);
    let configured = generated.file("/proc/cmdline", "quiet systemd.machine_id=firmware\n");
    assert_eq!(value(&collect(&configured), MachineId), Some(ID));
    let persistent = bare().mount("8:2 /persist/etc/machine-id /etc/machine-id - ext4 /dev/sda2");
    assert_eq!(value(&collect(&persistent), MachineId), Some(ID));
}

#[test]
fn hostile_files_are_rejected() {
    let long = "a".repeat(64 * 1024);
    let hostile = [
        long.as_str(),
        "\0\0\0",
        "\u{fffd}\u{fffd}",
        "a\0b",
        "\u{1b}[2J",
        "::::",
        "../../..",
    ];
    for text in hostile {
        let system = card(bare(), "eth0", "pci0000:00/0000:01:00.0", text)
            .file("/etc/machine-id", text)
            .file("/etc/acme9/machine-id", text)
            .file(SMBIOS, text)
            .file("/proc/cpuinfo", &format!("model name : {text}"))
            .file("/proc/self/mountinfo", text)
            .file("/proc/self/cgroup", text);
        let found = collect(&system);
        assert!(!kinds(&found).contains(&MachineId), "{text:.20}");
        assert!(!kinds(&found).contains(&Mac), "{text:.20}");
        assert!(!kinds(&found).contains(&ProductUuid), "{text:.20}");
    }
}
