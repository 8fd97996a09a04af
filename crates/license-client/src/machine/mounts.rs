//! Where Linux mounted what, proc_pid_mountinfo(5).

use std::path::Path;

use super::System;

/// The mounts that this process sees.
pub(super) struct Mounts(String);

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mount<'a> {
    /// Major and minor number of the device, `0:…` if none is behind it.
    pub(super) device: &'a str,
    /// The folder or file in its file system that was mounted.
    pub(super) root: &'a str,
    point: &'a str,
    /// The type of the file system.
    pub(super) kind: &'a str,
    /// What was mounted, in the file system's own words.
    pub(super) source: &'a str,
}

impl Mounts {
    /// No mounts at all if they cannot be read.
    pub(super) fn read(system: &dyn System) -> Self {
        let text = system.read(Path::new("/proc/self/mountinfo"));
        Self(text.unwrap_or_default())
    }

    /// What is mounted at exactly this place, on top of whatever else is.
    pub(super) fn at(&self, point: &str) -> Option<Mount<'_>> {
        let mut mounts = self.0.lines().filter_map(Mount::parse);
        mounts.rfind(|mount| mount.point == point)
    }
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        // Between the sixth field and the dash come as many others as there are.
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

    /// Whether container runtimes make root file systems of this type.
    pub(super) fn is_layered(&self) -> bool {
        matches!(self.kind, "overlay" | "aufs" | "fuse.fuse-overlayfs")
    }
}
