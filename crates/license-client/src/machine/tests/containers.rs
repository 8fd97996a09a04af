//! Detection of containers, and the components that count in them.

use super::linux::{bare, card};
use super::*;
use MissingReason::{InContainer, NotFound};

/// Returns a Docker container with the machine id of its image.
fn docker() -> Simulated {
    let system = bare()
        .file("/.dockerenv", "")
        .file("/proc/self/cgroup", "0::/\n")
        .file("/proc/1/cgroup", "0::/\n")
        .symlink("/proc/self/ns/pid", "pid:[4026532841]")
        .mount("0:52 / / - overlay overlay");
    card(
        system,
        "eth0",
        "pci0000:00/0000:01:00.0",
        "b0:7b:25:d1:00:10\n",
    )
}

/// Returns a container that boots a whole system from a directory on the host's disk.
fn system_container(manager: &str) -> Simulated {
    bare()
        .file("/run/host/container-manager", manager)
        .symlink("/proc/self/ns/pid", "pid:[4026532841]")
        .mount("8:2 /var/lib/machines/web / - ext4 /dev/sda2")
}

#[test]
fn in_docker_only_a_configured_id_counts() {
    for system in [docker(), docker().without("/etc/machine-id")] {
        let facts = collect(&system);
        assert_eq!(facts.container(), Some("docker"));
        assert_eq!(kinds(&facts), []);
        for kind in [MachineId, ProductUuid, Mac, Cpu, RootDisk] {
            assert_eq!(reason(&facts, kind), Some(InContainer), "{kind}");
        }
        assert_eq!(reason(&facts, AssignedId), Some(NotFound));
        assert_eq!((facts.fingerprint(), facts.digest()), (None, None));
        assert_eq!(facts.stability(), Stability::None);
    }
    let facts = collect(&docker().set("ACME9_MACHINE_ID", "billing-worker-3"));
    assert_eq!(kinds(&facts), [AssignedId]);
    assert_eq!(facts.machine_id(), Some("billing-worker-3"));
    assert_eq!(facts.stability(), Stability::Stable);
}

#[test]
fn a_machine_id_that_was_mounted_into_a_container_counts() {
    let bound = docker().mount("8:2 /etc/machine-id /etc/machine-id - ext4 /dev/sda2");
    let facts = collect(&bound);
    assert_eq!(kinds(&facts), [MachineId]);
    assert_eq!(facts.digest(), collect(&bare()).digest());
    assert_eq!(facts.stability(), Stability::Fair);
    // Kubernetes mounts a secret from memory.
    let secret = docker().mount("0:77 /..data/machine-id /etc/machine-id - tmpfs tmpfs");
    assert_eq!(kinds(&collect(&secret)), [MachineId]);
}

#[test]
fn a_generated_machine_id_and_one_in_a_mounted_directory_do_not_count_in_a_container() {
    // systemd generates this id and mounts it until the next boot.
    let generated = docker().mount("0:24 /machine-id /etc/machine-id - tmpfs tmpfs");
    let transient = MissingReason::Rejected(Rejection::Transient);
    assert_eq!(reason(&collect(&generated), MachineId), Some(transient));
    // Only a mount of the file itself shows that the administrator chose the id.
    let directory = docker().mount("8:2 /etc /etc - ext4 /dev/sda2");
    assert_eq!(reason(&collect(&directory), MachineId), Some(InContainer));
}

#[test]
fn a_virtual_machine_made_from_a_container_image_is_not_a_container() {
    let system = bare()
        .file("/.dockerenv", "")
        .set("container", "oci")
        .mount("254:0 / / - ext4 /dev/vda");
    let facts = collect(&system);
    assert_eq!(facts.container(), None);
    assert_eq!(kinds(&facts), [MachineId, Cpu]);
}

#[test]
fn a_container_in_the_pid_namespace_of_the_host_is_detected_by_its_root_or_control_group() {
    let shared = docker().symlink("/proc/self/ns/pid", "pid:[4026531836]");
    assert_eq!(collect(&shared).container(), Some("docker"));
    let on_btrfs = shared
        .file(
            "/proc/self/cgroup",
            "0::/system.slice/docker-4f2c1d8e9ab3.scope\n",
        )
        .mount("0:25 /docker/btrfs/subvolumes/4f2c / - btrfs /dev/sda2");
    assert_eq!(collect(&on_btrfs).container(), Some("docker"));
}

#[test]
fn a_marker_file_counts_if_the_pid_namespace_is_unknown() {
    let system = bare().file("/.dockerenv", "").without("/proc/self/ns/pid");
    assert_eq!(collect(&system).container(), Some("docker"));
}

#[test]
fn containers_are_detected_by_the_files_and_variables_of_their_managers() {
    let plain = docker().without("/.dockerenv");
    assert_eq!(collect(&plain).container(), None);
    let cases = [
        (
            plain
                .clone()
                .file("/run/.containerenv", "engine=\"podman-5.0\"\n"),
            "podman",
        ),
        (
            plain.clone().set("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
            "kubernetes",
        ),
        (
            docker().set("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
            "kubernetes",
        ),
        (
            plain.clone().file("/run/systemd/container", "podman\n"),
            "podman",
        ),
        (plain.clone().set("container", "oci"), "container"),
        (plain.clone().set("container", "\u{1b}[2J"), "container"),
    ];
    for (system, kind) in cases {
        let facts = collect(&system);
        assert_eq!(facts.container(), Some(kind));
        assert_eq!(kinds(&facts), []);
    }
}

#[test]
fn containers_are_detected_by_their_control_group() {
    let plain = docker().without("/.dockerenv");
    let cases = [
        ("12:memory:/docker/4f2c1d8e9ab3\n", Some("docker")),
        (
            "0::/kubepods.slice/kubepods-besteffort.slice/cri-containerd-4f2c.scope\n",
            Some("containerd"),
        ),
        (
            "4:cpu:/kubepods/besteffort/pod11/4f2c\n",
            Some("kubernetes"),
        ),
        (
            "0::/machine.slice/libpod-4f2c.scope/container\n",
            Some("podman"),
        ),
        ("0::/lxc.payload.web/docker/4f2c\n", Some("docker")),
        ("0::/lxc.payload.web\n", Some("lxc")),
        ("0::/system.slice/docker.service\n", None),
        ("0::/system.slice/containerd.service\n", None),
        (
            "0::/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/emulator\n",
            None,
        ),
    ];
    for (cgroup, kind) in cases {
        let facts = collect(&plain.clone().file("/proc/self/cgroup", cgroup));
        assert_eq!(facts.container(), kind, "{cgroup}");
    }
}

#[test]
fn a_system_container_has_a_machine_id_of_its_own_and_no_hardware() {
    for (manager, kind) in [("lxc\n", "lxc"), ("systemd-nspawn\n", "systemd-nspawn")] {
        let facts = collect(&system_container(manager));
        assert_eq!(facts.container(), Some(kind));
        assert_eq!(kinds(&facts), [MachineId]);
        for kind in [ProductUuid, Mac, Cpu, RootDisk] {
            assert_eq!(reason(&facts, kind), Some(InContainer), "{kind}");
        }
        assert_eq!(facts.stability(), Stability::Fair);
    }
}

#[test]
fn docker_in_a_system_container_is_detected_as_docker() {
    let facts = collect(&docker().file("/run/host/container-manager", "lxc\n"));
    assert_eq!(facts.container(), Some("docker"));
    assert_eq!(kinds(&facts), []);
}

#[test]
fn wsl_is_not_a_container_and_keeps_its_id_and_processor() {
    let system = bare()
        .file(
            "/proc/sys/kernel/osrelease",
            "5.15.153.1-microsoft-standard-WSL2\n",
        )
        .symlink("/proc/self/ns/pid", "pid:[4026532209]")
        .mount("8:32 / / - ext4 /dev/sdc");
    let system = card(
        system,
        "eth0",
        "LNXSYSTM:00/VMBUS:00/1",
        "00:15:5d:11:22:33\n",
    );
    let imported = system.clone().file("/.dockerenv", "");
    let with_systemd = system.clone().file("/run/systemd/container", "wsl\n");
    for system in [&system, &imported, &with_systemd] {
        let facts = collect(system);
        assert_eq!(facts.container(), None);
        assert_eq!(kinds(&facts), [MachineId, Cpu]);
        let transient = MissingReason::Rejected(Rejection::Transient);
        assert_eq!(reason(&facts, Mac), Some(transient));
        assert_eq!(facts.stability(), Stability::Fair);
        assert!(
            facts.explain().starts_with("Under WSL"),
            "{}",
            facts.explain()
        );
    }
    let with_docker = imported.mount("0:52 / / - overlay overlay");
    assert_eq!(collect(&with_docker).container(), Some("docker"));
}
