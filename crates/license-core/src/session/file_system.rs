//! File system operations for the search for a project root.

use std::io;
use std::path::{Path, PathBuf};

/// File system operations that the search for a project root needs.
///
/// The library performs no I/O of its own. `license-client` implements this trait with `std::fs`,
/// and tests implement it in memory.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # use fixture::files::Files;
/// # let files = Files;
/// use license_core::session::{FileKind, FileSystem};
/// use std::path::Path;
///
/// // `license-client` reads the disk. These `files` are in memory.
/// let entry = files.entry(Path::new("/p"))?;
/// assert_eq!(entry.kind, FileKind::Directory);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait FileSystem {
    /// Returns the rules by which two spellings are the same name.
    fn name_rules(&self) -> NameRules;

    /// Returns the current directory, from which relative paths start.
    ///
    /// # Errors
    ///
    /// Returns the system's error, for example if the directory was removed.
    fn current_dir(&self) -> io::Result<PathBuf>;

    /// Returns the last known path of a removed current directory, for the error message.
    fn removed_current_dir(&self) -> PathBuf {
        PathBuf::from(".")
    }

    /// Returns the entry at `path`, without following a symbolic link there, as lstat(2) does.
    ///
    /// # Errors
    ///
    /// Returns the system's error: `NotFound` if there is no entry, `NotADirectory` if the path
    /// continues after a file.
    fn entry(&self, path: &Path) -> io::Result<FileSystemEntry>;

    /// Returns the entry that `path` leads to, with every symbolic link followed, as stat(2) does.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`FileSystem::entry`].
    fn target(&self, path: &Path) -> io::Result<FileSystemEntry>;

    /// Returns the text of the symbolic link at `path`, as readlink(2) does.
    ///
    /// # Errors
    ///
    /// Returns the system's error: `InvalidInput` if the entry is not a symbolic link.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;

    /// Returns a resolved path with its names spelled as the volume stores them.
    ///
    /// This method is called under [`NameRules::MacOs`] and [`NameRules::Windows`], where a volume
    /// also accepts other spellings of a name.
    ///
    /// # Errors
    ///
    /// Returns the system's error.
    fn stored_path(&self, path: &Path) -> io::Result<PathBuf>;

    /// Returns `path` as an absolute path in which `.` and `..` are removed before any symbolic
    /// link is followed.
    ///
    /// This method is called under [`NameRules::Windows`] only.
    ///
    /// # Errors
    ///
    /// Returns the system's error.
    fn absolute(&self, path: &Path) -> io::Result<PathBuf>;
}

/// Rules by which two spellings are the same name.
///
/// ```
/// use license_core::session::NameRules;
///
/// println!("on this platform: {:?}", NameRules::NATIVE);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NameRules {
    /// Names are the same if their bytes are equal.
    Unix,
    /// Names are the same if the volume stores them as the same bytes.
    MacOs,
    /// Names are the same if they differ only in case.
    Windows,
}

impl NameRules {
    /// The rules of the target platform.
    pub const NATIVE: Self = if cfg!(windows) {
        Self::Windows
    } else if cfg!(target_os = "macos") {
        Self::MacOs
    } else {
        Self::Unix
    };
}

/// A directory entry.
///
/// ```
/// use license_core::session::{FileKind, FileSystemEntry};
///
/// let entry = FileSystemEntry { kind: FileKind::File, id: None };
/// assert_eq!(entry.kind, FileKind::File);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileSystemEntry {
    /// The kind of the entry.
    pub kind: FileKind,
    /// The numbers that identify the file, if the system provides them.
    pub id: Option<FileId>,
}

/// Kind of a directory entry.
///
/// ```
/// use license_core::session::FileKind;
///
/// fn kind(file_type: std::fs::FileType) -> FileKind {
///     if file_type.is_dir() {
///         FileKind::Directory
///     } else if file_type.is_symlink() {
///         FileKind::Link
///     } else {
///         FileKind::File
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A file, a pipe, a device or a socket.
    File,
}

/// Numbers that identify a file. Two paths with different numbers lead to different files.
///
/// ```
/// use license_core::session::FileId;
///
/// let one = FileId { device: 1, inode: 7 };
/// let other = FileId { device: 1, inode: 8 };
/// assert_ne!(one, other, "the paths lead to different files");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    /// The device that the file is on.
    pub device: u64,
    /// The number of the file on that device.
    pub inode: u64,
}
