//! A place for one test.

use std::fs;
use std::path::{Path, PathBuf};

/// A temporary folder that stands for a machine: it holds a home, a state directory and the test's own files, and goes away
/// when dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    /// A new machine, with an empty home and no state yet.
    ///
    /// # Panics
    ///
    /// When the temporary folder cannot be made.
    #[allow(
        clippy::new_without_default,
        reason = "each one makes a folder, which `default()` would hide"
    )]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let scratch = Self { folder };
        fs::create_dir(scratch.home()).expect("a folder can be made in it");
        scratch
    }

    /// The folder, in which programs are started.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// `HOME` for the programs.
    pub fn home(&self) -> PathBuf {
        self.file("home")
    }

    /// `CODITECT_HOME` for the programs, which make it when they need it.
    pub fn state(&self) -> PathBuf {
        self.file("state")
    }

    /// The path of a file of the test.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the test and returns its path.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    #[track_caller]
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, contents).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Writes a file that only its owner may use, as private keys and passphrases have to be.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
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

    /// Reads a file of the test.
    ///
    /// # Panics
    ///
    /// When it is missing or not UTF-8.
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        let path = self.file(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The permissions of a file of the test, such as `0o600`.
    ///
    /// # Panics
    ///
    /// When it is missing.
    #[cfg(unix)]
    #[track_caller]
    pub fn mode(&self, name: &str) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        let path = self.file(name);
        let found =
            fs::metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        found.permissions().mode() & 0o7777
    }
}
