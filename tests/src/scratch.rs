//! A temporary directory for one test.

use std::fs;
use std::path::{Path, PathBuf};

/// A temporary directory that represents a machine.
///
/// The directory contains a home directory, the files of the test and, as soon as a program creates
/// it, a state directory. Dropping the value deletes the directory.
#[derive(Debug)]
pub struct Scratch {
    directory: tempfile::TempDir,
}

impl Scratch {
    /// Creates a machine with an empty home directory and without a state directory.
    ///
    /// # Panics
    ///
    /// Panics if the directory cannot be created.
    #[allow(
        clippy::new_without_default,
        reason = "`default()` would not suggest that a directory is created"
    )]
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be created");
        let scratch = Self { directory };
        fs::create_dir(scratch.home()).expect("a home directory can be created");
        scratch
    }

    /// Returns the directory in which programs are started.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the value of `HOME` for the programs.
    pub fn home(&self) -> PathBuf {
        self.file("home")
    }

    /// Returns the value of `CODITECT_HOME`. The programs create this directory when they need it.
    pub fn state(&self) -> PathBuf {
        self.file("state")
    }

    /// Returns the path of a file.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file and returns its path.
    ///
    /// # Panics
    ///
    /// Panics if the file cannot be written.
    #[track_caller]
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, contents).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Writes a file with mode 0600, which private keys and passphrases must have.
    ///
    /// # Panics
    ///
    /// Panics if the file cannot be written.
    #[track_caller]
    pub fn write_private(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.write(name, contents);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let private = fs::Permissions::from_mode(0o600);
            fs::set_permissions(&path, private).expect("an owner may change the mode");
        }
        path
    }

    /// Reads a file.
    ///
    /// # Panics
    ///
    /// Panics if the file is missing or not UTF-8.
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        let path = self.file(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Returns the permissions of a file, such as `0o600`.
    ///
    /// # Panics
    ///
    /// Panics if the file is missing.
    #[cfg(unix)]
    #[track_caller]
    pub fn mode(&self, name: &str) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        let path = self.file(name);
        let metadata =
            fs::metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        metadata.permissions().mode() & 0o7777
    }
}

/// Replaces the directory `to` with a copy of the files in `from`, without subdirectories.
///
/// # Panics
///
/// Panics if a file cannot be copied.
#[track_caller]
pub fn copy_files(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("the directory can be created");
    for entry in fs::read_dir(from).expect("the directory can be read") {
        let path = entry.expect("the directory can be read").path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            fs::copy(&path, to.join(name)).expect("the file can be copied");
        }
    }
}
