//! The disk with the root file system, from sysfs.

use std::collections::BTreeSet;
use std::path::Path;

use crate::machine::component::{Lookup, Observation, check, check_file, first};
use crate::machine::mounts::{Mount, Mounts};
use crate::machine::{MissingReason, System, identity};

/// Maximum number of layers of block devices. Encryption on LVM on RAID on a partition has four
/// layers.
const MAX_LAYERS: usize = 8;
/// Maximum number of disks of a root file system.
const MAX_DISKS: usize = 64;

/// Files that contain the name of a disk. The names in the first files are the most likely to be
/// unique.
const NAMES: [&str; 4] = ["wwid", "device/wwid", "serial", "device/serial"];

const FILE_SYSTEMS: &str = "/dev/disk/by-uuid";

/// Returns the name of the disk that contains `/`.
///
/// Follows partitions, encryption, volumes and RAID down to the disks. If there are several disks,
/// returns the lowest name. If no disk has a name, returns the UUID of the file system.
pub(super) fn root_disk(system: &dyn System, mounts: &Mounts) -> Lookup {
    let device = mounts.at("/").and_then(|root| device(system, root));
    let Some(device) = device else {
        return Err(MissingReason::NotFound.into());
    };
    let mut named: Vec<Lookup> = disks(system, &device)
        .iter()
        .map(|disk| name(system, disk))
        .collect();
    named.sort_by_cached_key(|outcome| match outcome {
        Ok(Observation { value, .. }) => (false, value.clone()),
        Err(_) => (true, String::new()),
    });
    first(named.into_iter().chain([file_system(system, &device)]))
}

/// Returns the sysfs directory of the mounted device. A file system on several disks has no device
/// number, so its device is found by name.
fn device(system: &dyn System, root: Mount<'_>) -> Option<String> {
    if !root.device.starts_with("0:") {
        return follow(system, &format!("/sys/dev/block/{}", root.device));
    }
    let path = root.source.starts_with("/dev/").then_some(root.source)?;
    // The name of a volume is a link to its device.
    let target = follow(system, path).unwrap_or_else(|| path.to_owned());
    follow(system, &format!("/sys/class/block/{}", base_name(&target)))
}

/// Returns the disks below a device, without duplicates.
fn disks(system: &dyn System, device: &str) -> BTreeSet<String> {
    let mut layer = BTreeSet::from([device.to_owned()]);
    for _ in 0..MAX_LAYERS {
        let below = layer.iter().flat_map(|device| below(system, device));
        layer = below.take(MAX_DISKS).collect();
    }
    layer
}

/// Returns the devices directly below a device. For a disk, returns the disk itself.
fn below(system: &dyn System, device: &str) -> Vec<String> {
    if system.exists(Path::new(&format!("{device}/partition"))) {
        let disk = device.rsplit_once('/').map_or(device, |(disk, _)| disk);
        return vec![disk.to_owned()];
    }
    let directory = format!("{device}/slaves");
    let names = system.list(Path::new(&directory)).unwrap_or_default();
    let parts = names.iter().map(|name| format!("{directory}/{name}"));
    let parts: Vec<String> = parts.filter_map(|part| follow(system, &part)).collect();
    if parts.is_empty() {
        return vec![device.to_owned()];
    }
    parts
}

fn name(system: &dyn System, disk: &str) -> Lookup {
    let files = NAMES.iter().map(|file| format!("{disk}/{file}"));
    first(files.map(|path| check_file(system, &path, identity::serial)))
}

/// Returns the UUID of the file system on a device. A copy of the disk has the same UUID.
fn file_system(system: &dyn System, device: &str) -> Lookup {
    let names = system.list(Path::new(FILE_SYSTEMS)).unwrap_or_default();
    let uuid = names.into_iter().find(|name| {
        let target = follow(system, &format!("{FILE_SYSTEMS}/{name}"));
        target.is_some_and(|target| base_name(&target) == base_name(device))
    });
    match uuid {
        Some(uuid) => check(FILE_SYSTEMS, Ok(uuid), identity::serial),
        None => Err(MissingReason::NotFound.into()),
    }
}

/// Returns the normalized target of a symbolic link. Reads only this link, even if the target
/// contains other links.
fn follow(system: &dyn System, link: &str) -> Option<String> {
    let target = system.read_link(Path::new(link)).ok()?;
    let target = target.to_str()?;
    let parent = link.rsplit_once('/').map_or("", |(parent, _)| parent);
    let from = if target.starts_with('/') { "" } else { parent };
    let mut steps: Vec<&str> = Vec::new();
    for step in from.split('/').chain(target.split('/')) {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    Some(format!("/{}", steps.join("/")))
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
