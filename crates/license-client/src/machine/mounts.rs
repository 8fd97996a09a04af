//! The mounts of this process on Linux: proc_pid_mountinfo(5).

use std::path::Path;

use super::System;

/// The mounts that this process sees.
pub(super) struct Mounts(String);

/// A mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mount<'a> {
    /// The major and minor number of the device. Without a device, the number is `0:…`.
    pub(super) device: &'a str,
    /// The path of the mounted directory or file inside its file system.
    pub(super) root: &'a str,
    point: &'a str,
    /// The type of the file system.
    pub(super) kind: &'a str,
    /// The source of the mount, as the file system names it.
    pub(super) source: &'a str,
}

impl Mounts {
    /// Reads the mounts. The list is empty if the mounts cannot be read.
    pub(super) fn read(system: &dyn System) -> Self {
        let text = system.read(Path::new("/proc/self/mountinfo"));
        Self(text.unwrap_or_default())
    }

    /// Returns the topmost mount at exactly this path.
    pub(super) fn at(&self, point: &str) -> Option<Mount<'_>> {
        let mut mounts = self.0.lines().filter_map(Mount::parse);
        mounts.rfind(|mount| mount.point == point)
    }
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        // A variable number of optional fields follows the sixth field and ends with a dash.
        let mut fields = line.split(' ').skip(2);
        let (device, root, point) = (fields.next()?, fields.next()?, fields.next()?);
        let mut fields = fields.skip_while(|field| *field != "-").skip(1);
        Some(Self {
            device,
            root,
            point,
            kind: fields.next()?,
            source: fields.next()?,
        })
    }

    /// Returns whether container runtimes use this type of file system for the root directory.
    pub(super) fn is_layered(&self) -> bool {
        matches!(self.kind, "overlay" | "aufs" | "fuse.fuse-overlayfs")
    }
}
