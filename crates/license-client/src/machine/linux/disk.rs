//! The disk that holds the root file system, by sysfs.

use std::collections::BTreeSet;
use std::path::Path;

use crate::machine::finding::{Evidence, Outcome, first, judge, judge_file};
use crate::machine::mounts::{Mount, Mounts};
use crate::machine::{MissingReason, System, identity};

/// Encryption on LVM on RAID on a partition is four.
const LAYERS: usize = 8;
/// More than that are in no one's root file system.
const MOST_DISKS: usize = 64;

/// Where a disk says what it is called, from what is surest to be its own.
const NAMES: [&str; 4] = ["wwid", "device/wwid", "serial", "device/serial"];

const FILE_SYSTEMS: &str = "/dev/disk/by-uuid";

/// The disk under `/`, through partitions, encryption, volumes and RAID; of several the lowest name. Else the file system.
pub(super) fn root_disk(system: &dyn System, mounts: &Mounts) -> Outcome {
    let device = mounts.at("/").and_then(|root| device(system, root));
    let Some(device) = device else {
        return Err(MissingReason::NotFound.into());
    };
    let mut named: Vec<Outcome> = disks(system, &device)
        .iter()
        .map(|disk| name(system, disk))
        .collect();
    named.sort_by_cached_key(|outcome| match outcome {
        Ok(Evidence { value, .. }) => (false, value.clone()),
        Err(_) => (true, String::new()),
    });
    first(named.into_iter().chain([file_system(system, &device)]))
}

/// The folder in sysfs of the device that was mounted. File systems of several disks have no number and tell its name.
fn device(system: &dyn System, root: Mount<'_>) -> Option<String> {
    if !root.device.starts_with("0:") {
        return follow(system, &format!("/sys/dev/block/{}", root.device));
    }
    let path = root.source.starts_with("/dev/").then_some(root.source)?;
    // Names of volumes are links to the device's.
    let target = follow(system, path).unwrap_or_else(|| path.to_owned());
    follow(system, &format!("/sys/class/block/{}", base_name(&target)))
}

/// The disks at the bottom of a device, each once.
fn disks(system: &dyn System, device: &str) -> BTreeSet<String> {
    let mut layer = BTreeSet::from([device.to_owned()]);
    for _ in 0..LAYERS {
        let below = layer.iter().flat_map(|device| below(system, device));
        layer = below.take(MOST_DISKS).collect();
    }
    layer
}

/// What a device is made of; a disk of itself.
fn below(system: &dyn System, device: &str) -> Vec<String> {
    if system.exists(Path::new(&format!("{device}/partition"))) {
        let disk = device.rsplit_once('/').map_or(device, |(disk, _)| disk);
        return vec![disk.to_owned()];
    }
    let folder = format!("{device}/slaves");
    let names = system.list(Path::new(&folder)).unwrap_or_default();
    let parts = names.iter().map(|name| format!("{folder}/{name}"));
    let parts: Vec<String> = parts.filter_map(|part| follow(system, &part)).collect();
    if parts.is_empty() {
        return vec![device.to_owned()];
    }
    parts
}

fn name(system: &dyn System, disk: &str) -> Outcome {
    let files = NAMES.iter().map(|file| format!("{disk}/{file}"));
    first(files.map(|path| judge_file(system, &path, identity::serial)))
}

/// The UUID of the file system on a device, which a copy of the disk has too.
fn file_system(system: &dyn System, device: &str) -> Outcome {
    let names = system.list(Path::new(FILE_SYSTEMS)).unwrap_or_default();
    let uuid = names.into_iter().find(|name| {
        let target = follow(system, &format!("{FILE_SYSTEMS}/{name}"));
        target.is_some_and(|target| base_name(&target) == base_name(device))
    });
    match uuid {
        Some(uuid) => judge(FILE_SYSTEMS, Ok(uuid), identity::serial),
        None => Err(MissingReason::NotFound.into()),
    }
}

/// Where a symlink leads, by its text alone.
fn follow(system: &dyn System, link: &str) -> Option<String> {
    let target = system.link(Path::new(link)).ok()?;
    let target = target.to_str()?;
    let folder = link.rsplit_once('/').map_or("", |(folder, _)| folder);
    let from = if target.starts_with('/') { "" } else { folder };
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
