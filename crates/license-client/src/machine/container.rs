//! What this process runs in: a machine, a container, or a Linux under Windows.

use std::path::Path;

use super::System;
use super::mounts::Mounts;

/// What is around this process, as far as it decides what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surroundings {
    /// A machine, virtual or not.
    Machine,
    /// A container for one application: it has no machine id of its own, though its image may.
    Container(&'static str),
    /// A container that starts a whole system, which has a machine id of its own.
    SystemContainer(&'static str),
    /// The Windows Subsystem for Linux.
    Wsl,
}

/// Which container, as it is named to people. The system ones are marked.
const KINDS: [(&str, &str, bool); 9] = [
    ("docker", "docker", false),
    ("podman", "podman", false),
    ("kubernetes", "kubernetes", false),
    ("containerd", "containerd", false),
    ("lxc", "lxc", true),
    ("lxc-libvirt", "lxc", true),
    ("incus", "lxc", true),
    ("lxd", "lxc", true),
    ("systemd-nspawn", "systemd-nspawn", true),
];

/// The root PID namespace's, the kernel's `PROC_PID_INIT_INO`.
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

impl Surroundings {
    /// Looks around on Linux.
    pub(super) fn on_linux(system: &dyn System, mounts: &Mounts) -> Self {
        let wsl = is_wsl(system);
        let marked = || marker(system).filter(|_| is_believable(system, mounts, wsl));
        let told = [
            in_cgroup(system).map(Self::of),
            marked().map(|name| Self::of(&name)),
        ];
        let one = |is: fn(&Self) -> bool| told.iter().flatten().copied().find(is);
        // A container for an application may be in a system's.
        one(|it| matches!(it, Self::Container(_)))
            .or_else(|| one(|_| true))
            .unwrap_or(if wsl { Self::Wsl } else { Self::Machine })
    }

    /// The container's kind.
    pub(super) fn container(self) -> Option<&'static str> {
        match self {
            Self::Container(kind) | Self::SystemContainer(kind) => Some(kind),
            Self::Machine | Self::Wsl => None,
        }
    }

    fn of(name: &str) -> Self {
        match KINDS.iter().find(|(known, ..)| *known == name) {
            _ if name == "wsl" => Self::Wsl,
            Some((_, kind, true)) => Self::SystemContainer(kind),
            Some((_, kind, false)) => Self::Container(kind),
            None => Self::Container("container"),
        }
    }
}

/// A marker may be left behind where an image of a container was made a machine: by its PID namespace this process is not in
/// a container, and its root is on a disk. Distributions under WSL have a PID namespace each.
fn is_believable(system: &dyn System, mounts: &Mounts, wsl: bool) -> bool {
    let namespace = system.link(Path::new("/proc/self/ns/pid"));
    let is_first = namespace.is_ok_and(|name| name.as_os_str() == FIRST_PID_NAMESPACE);
    let layered = mounts.at("/").is_some_and(|root| root.is_layered());
    layered || !(is_first || wsl)
}

/// What container managers leave for those inside: systemd.io/CONTAINER_INTERFACE, and files of Podman's and Docker's.
fn marker(system: &dyn System) -> Option<String> {
    let is_there = |path| system.exists(Path::new(path));
    if system.variable("KUBERNETES_SERVICE_HOST").is_some() {
        return Some("kubernetes".to_owned());
    }
    if is_there("/run/.containerenv") {
        return Some("podman".to_owned());
    }
    if is_there("/.dockerenv") {
        return Some("docker".to_owned());
    }
    let said = |path| system.read(Path::new(path)).ok();
    let variable = || Some(system.variable("container")?.to_string_lossy().into_owned());
    said("/run/host/container-manager")
        .or_else(|| said("/run/systemd/container"))
        .or_else(variable)
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
}

/// The container whose control group this process is in. No image can leave that behind, and with a namespace of its own
/// there is nothing to see.
fn in_cgroup(system: &dyn System) -> Option<&'static str> {
    let paths = ["/proc/self/cgroup", "/proc/1/cgroup"];
    paths.into_iter().find_map(|path| {
        let text = system.read(Path::new(path)).ok()?;
        // The innermost, where one is in another.
        text.split(['/', '\n']).filter_map(of_cgroup).next_back()
    })
}

/// By one folder in the path. On the host itself, `docker.service` and `init.scope` are none.
fn of_cgroup(folder: &str) -> Option<&'static str> {
    let is_scope = folder.ends_with(".scope");
    match folder {
        "docker" => Some("docker"),
        "lxc" => Some("lxc"),
        _ if folder.starts_with("kubepods") => Some("kubernetes"),
        _ if folder.starts_with("lxc.payload") => Some("lxc"),
        _ if folder.starts_with("libpod") => Some("podman"),
        _ if is_scope && folder.starts_with("docker-") => Some("docker"),
        _ if is_scope && folder.starts_with("cri-containerd-") => Some("containerd"),
        _ if is_scope && folder.starts_with("nerdctl-") => Some("containerd"),
        _ => None,
    }
}

/// Microsoft's kernels say so in their release.
fn is_wsl(system: &dyn System) -> bool {
    let release = system.read(Path::new("/proc/sys/kernel/osrelease"));
    release.is_ok_and(|release| {
        let release = release.to_ascii_lowercase();
        release.contains("microsoft") || release.contains("wsl")
    })
}
