//! The environment of this process: a machine, a container, or the Windows Subsystem for Linux.

use std::path::Path;

use super::System;
use super::mounts::Mounts;

/// The environment of this process, which determines the components that identify the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Environment {
    /// A physical or virtual machine.
    Machine,
    /// A container for one application. It has no machine id of its own, although its image may
    /// contain a machine id.
    Container(&'static str),
    /// A container that boots a whole system and has its own machine id.
    SystemContainer(&'static str),
    /// The Windows Subsystem for Linux.
    Wsl,
}

/// Names of container managers, the kinds of container to show, and whether such containers boot a
/// whole system.
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

/// The root PID namespace: the kernel's `PROC_PID_INIT_INO`.
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

impl Environment {
    /// Detects the environment on Linux.
    pub(super) fn on_linux(system: &dyn System, mounts: &Mounts) -> Self {
        let wsl = is_wsl(system);
        let marked = || marker(system).filter(|_| marker_applies(system, mounts, wsl));
        let detected = [
            cgroup_container(system).map(Self::from_name),
            marked().map(|name| Self::from_name(&name)),
        ];
        let first = |test: fn(&Self) -> bool| detected.iter().flatten().copied().find(test);
        // An application container may run inside a system container.
        first(|it| matches!(it, Self::Container(_)))
            .or_else(|| first(|_| true))
            .unwrap_or(if wsl { Self::Wsl } else { Self::Machine })
    }

    /// Returns the kind of the container, or `None` outside a container.
    pub(super) fn container(self) -> Option<&'static str> {
        match self {
            Self::Container(kind) | Self::SystemContainer(kind) => Some(kind),
            Self::Machine | Self::Wsl => None,
        }
    }

    fn from_name(name: &str) -> Self {
        match KINDS.iter().find(|(known, ..)| *known == name) {
            _ if name == "wsl" => Self::Wsl,
            Some((_, kind, true)) => Self::SystemContainer(kind),
            Some((_, kind, false)) => Self::Container(kind),
            None => Self::Container("container"),
        }
    }
}

/// Returns whether the marker of a container manager shows that this process is in a container.
///
/// A machine that was made from a container image may still contain a marker. A process on such a
/// machine is in the first PID namespace, and its root directory is on a disk. Under WSL, each
/// distribution has its own PID namespace, so only the root directory counts.
fn marker_applies(system: &dyn System, mounts: &Mounts, is_wsl: bool) -> bool {
    let namespace = system.read_link(Path::new("/proc/self/ns/pid"));
    let is_first = namespace.is_ok_and(|name| name.as_os_str() == FIRST_PID_NAMESPACE);
    let is_layered = mounts.at("/").is_some_and(|root| root.is_layered());
    is_layered || !(is_first || is_wsl)
}

/// Returns the container manager that left a marker. The markers are those of
/// systemd.io/CONTAINER_INTERFACE, and those of Kubernetes, Podman and Docker.
fn marker(system: &dyn System) -> Option<String> {
    let exists = |path| system.exists(Path::new(path));
    if system.variable("KUBERNETES_SERVICE_HOST").is_some() {
        return Some("kubernetes".to_owned());
    }
    if exists("/run/.containerenv") {
        return Some("podman".to_owned());
    }
    if exists("/.dockerenv") {
        return Some("docker".to_owned());
    }
    let read = |path| system.read(Path::new(path)).ok();
    let variable = || Some(system.variable("container")?.to_string_lossy().into_owned());
    read("/run/host/container-manager")
        .or_else(|| read("/run/systemd/container"))
        .or_else(variable)
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
}

/// Returns the kind of container according to the control group of this process.
///
/// An image cannot leave a control group behind. Inside a cgroup namespace, the container is not
/// visible.
fn cgroup_container(system: &dyn System) -> Option<&'static str> {
    let paths = ["/proc/self/cgroup", "/proc/1/cgroup"];
    paths.into_iter().find_map(|path| {
        let text = system.read(Path::new(path)).ok()?;
        // The last component that names a container is the innermost of nested containers.
        text.split(['/', '\n']).filter_map(from_cgroup).next_back()
    })
}

/// Returns the kind of container that one component of the cgroup path names. On the host itself,
/// `docker.service` and `init.scope` are not containers.
fn from_cgroup(component: &str) -> Option<&'static str> {
    let is_scope = component.ends_with(".scope");
    match component {
        "docker" => Some("docker"),
        "lxc" => Some("lxc"),
        _ if component.starts_with("kubepods") => Some("kubernetes"),
        _ if component.starts_with("lxc.payload") => Some("lxc"),
        _ if component.starts_with("libpod") => Some("podman"),
        _ if is_scope && component.starts_with("docker-") => Some("docker"),
        _ if is_scope && component.starts_with("cri-containerd-") => Some("containerd"),
        _ if is_scope && component.starts_with("nerdctl-") => Some("containerd"),
        _ => None,
    }
}

/// Returns whether the kernel's release names Microsoft, as it does under WSL.
fn is_wsl(system: &dyn System) -> bool {
    let release = system.read(Path::new("/proc/sys/kernel/osrelease"));
    release.is_ok_and(|release| {
        let release = release.to_ascii_lowercase();
        release.contains("microsoft") || release.contains("wsl")
    })
}
