//! The mounts of this process on Linux: proc_pid_mountinfo(5).

use std::path::{Path, PathBuf};

use super::{LocalSystem, System};

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

    /// Returns another path to the directory, if a bind mount makes the directory visible twice.
    fn other_path(&self, directory: &Path) -> Option<PathBuf> {
        let mounts = || self.0.lines().filter_map(Mount::parse);
        let depth = |mount: &Mount<'_>| Path::new(mount.point).components().count();
        // Among mounts at the same point, the last one is on top.
        let here = mounts()
            .filter(|mount| directory.starts_with(mount.point))
            .max_by_key(depth)?;
        let inside = Path::new(here.root).join(directory.strip_prefix(here.point).ok()?);
        let shows_more = |mount: &Mount<'_>| {
            mount.device == here.device
                && mount.root.len() < here.root.len()
                && inside.starts_with(mount.root)
        };
        let original = mounts()
            .filter(shows_more)
            .min_by_key(|mount| mount.root.len())?;
        let rest = inside.strip_prefix(original.root).ok()?;
        Some(Path::new(original.point).join(rest))
    }

    /// Returns the topmost mount at exactly this path.
    pub(super) fn at(&self, point: &str) -> Option<Mount<'_>> {
        let mut mounts = self.0.lines().filter_map(Mount::parse);
        mounts.rfind(|mount| mount.point == point)
    }
}

/// Returns the other path to a directory that is visible twice because of a bind mount.
///
/// Symbolic links lead to the same project. A bind mount does not: a process cannot know which of
/// the two paths is the original one. Therefore, the two paths are two projects with two sessions.
///
/// Returns `None` if the directory is not in a bind mount, and on systems other than Linux.
///
/// ```
/// use license_client::bind_mount_source;
/// use std::path::Path;
///
/// if let Some(original) = bind_mount_source(Path::new("/home/ann/shop")) {
///     println!("the directory is also {}", original.display());
/// }
/// ```
pub fn bind_mount_source(directory: &Path) -> Option<PathBuf> {
    Mounts::read(&LocalSystem).other_path(directory)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_a_bind_mount_has_another_path() {
        let mounts = Mounts(
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
             23 22 0:30 / /tmp rw - tmpfs tmpfs rw\n\
             24 22 8:1 /srv/shop /home/ann/shop rw - ext4 /dev/sda1 rw\n\
             25 22 0:40 /@ /data rw - btrfs /dev/sdb1 rw\n\
             26 22 0:40 /@home /data/home rw - btrfs /dev/sdb1 rw\n"
                .to_owned(),
        );
        for (directory, other) in [
            ("/home/ann/shop", Some("/srv/shop")),
            ("/home/ann/shop/cart", Some("/srv/shop/cart")),
            ("/home/ann/shopping", None),
            ("/srv/shop", None),
            ("/tmp/shop", None),
            ("/data/home/shop", None),
        ] {
            let found = mounts.other_path(Path::new(directory));
            assert_eq!(found.as_deref(), other.map(Path::new), "{directory}");
        }
    }
}
