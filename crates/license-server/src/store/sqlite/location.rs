//! The data directory: its lock, and its file system.

use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use license_issuer::files::{self, LockError, LockedFile};

use crate::store::ServerStoreError;

/// The name of the database in the data directory.
const DATABASE: &str = "server.db";

/// The name of the lock file in the data directory.
const LOCK: &str = "server.lock";

/// Returns the path of the database.
pub(super) fn database(directory: &Path) -> PathBuf {
    directory.join(DATABASE)
}

/// Creates the data directory, which only its owner can enter, unless the directory exists.
pub(super) fn create(directory: &Path) -> Result<(), ServerStoreError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(directory)
        .map_err(|error| ServerStoreError::io(directory, error))
}

/// Creates an empty database that only its owner can access, unless the file exists.
pub(super) fn create_private(path: &Path) -> Result<(), ServerStoreError> {
    match files::create_private(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(ServerStoreError::io(path, error))
        }
        _ => Ok(()),
    }
}

/// Takes the lock of the data directory, which the running server holds.
pub(super) fn lock(directory: &Path, patience: Duration) -> Result<LockedFile, ServerStoreError> {
    files::lock(&directory.join(LOCK), patience).map_err(|error| match error {
        LockError::NoLocks { .. } => ServerStoreError::NetworkFileSystem {
            directory: directory.to_owned(),
            kind: "a file system without locks".to_owned(),
        },
        LockError::Io { path, source } => ServerStoreError::io(path, source),
        error => ServerStoreError::Locked(Arc::new(error)),
    })
}

/// Refuses a data directory on a network file system.
///
/// SQLite's write-ahead log needs memory that all processes share, and locks that work
/// (<https://sqlite.org/wal.html>). Two servers on two machines would lend each seat twice.
pub(super) fn refuse_network(directory: &Path) -> Result<(), ServerStoreError> {
    match network_file_system(directory) {
        Some(kind) => Err(ServerStoreError::NetworkFileSystem {
            directory: directory.to_owned(),
            kind,
        }),
        None => Ok(()),
    }
}

/// Returns the name of the network file system of a directory. An unknown file system is local.
#[cfg(target_os = "linux")]
fn network_file_system(directory: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let found = rustix::fs::statfs(directory).ok()?;
    let magic = u64::try_from(found.f_type).ok()? & 0xFFFF_FFFF;
    if magic != FUSE {
        return network_name(magic).map(str::to_owned);
    }
    let device = std::fs::metadata(directory).ok()?.dev();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    network_fuse(&mounts, &format!("{major}:{minor}"))
}

#[cfg(not(target_os = "linux"))]
fn network_file_system(_: &Path) -> Option<String> {
    None
}

/// The file system type of FUSE, as `statfs` returns it.
#[cfg(target_os = "linux")]
const FUSE: u64 = 0x6573_5546;

/// Returns the name of a network file system by its type, as `statfs` returns it (`man 2 statfs`).
#[cfg(target_os = "linux")]
fn network_name(magic: u64) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "NFS",
        0x517B => "SMB",
        0xFF53_4D42 => "CIFS",
        0xFE53_4D42 => "SMB2",
        0x564C => "NCP",
        0x0102_1997 => "9P",
        0x5346_414F | 0x6B41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x00C3_6400 => "Ceph",
        0x0BD0_0BD0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x0116_1970 => "GFS2",
        0x7461_636F => "OCFS2",
        _ => return None,
    })
}

/// Returns the type of a FUSE file system that is a network file system, by its device in
/// `/proc/self/mountinfo`. Other FUSE file systems are local, such as those of containers.
#[cfg(target_os = "linux")]
fn network_fuse(mounts: &str, device: &str) -> Option<String> {
    const NETWORK: [&str; 9] = [
        "sshfs",
        "s3fs",
        "rclone",
        "gcsfuse",
        "glusterfs",
        "curlftpfs",
        "davfs",
        "mount-s3",
        "juicefs",
    ];
    let line = mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some(device))?;
    let (_, after) = line.split_once(" - ")?;
    let mut fields = after.split(' ');
    let (kind, source) = (fields.next()?, fields.next().unwrap_or_default());
    let names = [kind, source];
    let is_network = NETWORK
        .iter()
        .any(|name| names.iter().any(|found| found.contains(name)));
    is_network.then(|| kind.to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_recognized() {
        assert_eq!(network_name(0x6969), Some("NFS"));
        assert_eq!(network_name(0xFE53_4D42), Some("SMB2"));
        // ext4 and tmpfs
        assert_eq!(network_name(0xEF53), None);
        assert_eq!(network_name(0x0102_1994), None);
    }

    #[test]
    fn fuse_is_local_unless_its_type_is_a_network_file_system() {
        let mounts = "36 35 0:52 / /data rw,nosuid shared:1 - fuse.sshfs host:/srv rw\n\
                      37 35 0:53 / /home rw - fuse.gocryptfs /home/.cipher rw\n";
        assert_eq!(network_fuse(mounts, "0:52").as_deref(), Some("fuse.sshfs"));
        assert_eq!(network_fuse(mounts, "0:53"), None);
        assert_eq!(network_fuse(mounts, "0:54"), None);
    }

    #[test]
    fn a_second_lock_names_the_holder() {
        let directory = tempfile::tempdir().unwrap();
        let _first = lock(directory.path(), Duration::ZERO).unwrap();
        let error = lock(directory.path(), Duration::ZERO).unwrap_err();
        let text = license_core::with_causes(&error).to_string();
        let process = format!("process {}", std::process::id());
        assert!(text.contains(&process), "{text}");
        assert!(error.hint().is_some());
    }

    #[test]
    fn a_lock_file_that_cannot_be_created_is_not_another_server() {
        let directory = tempfile::tempdir().unwrap();
        let error = lock(&directory.path().join("missing"), Duration::ZERO).unwrap_err();
        assert!(matches!(error, ServerStoreError::Io { .. }), "{error:?}");
    }
}
