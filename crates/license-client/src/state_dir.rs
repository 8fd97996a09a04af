//! The directories that contain a product's state on this machine, and their files.

mod error;
mod file;

use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

pub use error::StateDirError;
pub(crate) use error::shown_path;
pub use file::StateFile;

use crate::directory::{Directory, Missing, Readers, UnsafeDirectory, WritableDirectory};

/// Name of the file that writers lock.
pub(crate) const LOCK: &str = ".lock";

/// The variable with the home directory of the user.
const HOME: &str = "HOME";

/// The directory with the state of one product. The directory need not exist.
///
/// The first write creates the directory without access for other users.
///
/// ```
/// use license_client::{StateDir, StateFile};
/// use std::path::Path;
///
/// # let home = if cfg!(windows) { Path::new(r"C:\ann") } else { Path::new("/home/ann") };
/// let dir = StateDir::resolve("CODITECT", |_| None, Some(home))?;
/// assert_eq!(dir.path(), home.join(".coditect"));
/// assert_eq!(dir.file(StateFile::License), home.join(".coditect").join("license.lic"));
/// # Ok::<(), license_client::StateDirError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StateDir {
    path: PathBuf,
    origin: Origin,
}

/// How the directory was chosen. The origin decides whether the permissions of the directory may be
/// changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Origin {
    /// The default: `.coditect` in the home directory.
    Default,
    /// Chosen by the user or the program. The directory may also contain other files.
    Chosen,
    /// The directory of the administrator, which all users read.
    Shared,
}

impl StateDir {
    /// Returns the state directory of `product`.
    ///
    /// This is the value of the variable `{PRODUCT}_HOME`, if it is set and not empty. Otherwise it
    /// is `.{product}` in `home`.
    ///
    /// ```
    /// use license_client::StateDir;
    /// use std::path::Path;
    ///
    /// # let (home, value) = if cfg!(windows) {
    /// #     (Path::new(r"C:\ann"), r"D:\licenses")
    /// # } else {
    /// #     (Path::new("/home/ann"), "/srv/licenses")
    /// # };
    /// // `home` and `value` are absolute paths, such as `/home/ann` and `/srv/licenses`.
    /// let variable = |name: &str| (name == "CODITECT_HOME").then(|| value.into());
    /// let dir = StateDir::resolve("CODITECT", variable, Some(home))?;
    /// assert_eq!(dir.path(), Path::new(value));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`StateDirError`] if the variable contains a relative path, if it is not set and
    /// `home` is missing or relative, or if `product` is not a product code. With a relative path,
    /// each working directory would have its own state.
    pub fn resolve(
        product: &str,
        environment: impl Fn(&str) -> Option<OsString>,
        home: Option<&Path>,
    ) -> Result<Self, StateDirError> {
        if product.is_empty() || !product.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(StateDirError::NotAProductCode);
        }
        let variable = format!("{}_HOME", product.to_ascii_uppercase());
        match environment(&variable).filter(|value| !value.is_empty()) {
            Some(value) => Self::chosen(variable, value.into()),
            None => Self::in_home(product, variable, home),
        }
    }

    /// Returns the state directory of the user who runs this process.
    ///
    /// ```
    /// use license_client::StateDir;
    ///
    /// match StateDir::for_current_user("CODITECT") {
    ///     Ok(dir) => println!("{}", dir.path().display()),
    ///     Err(error) => eprintln!("{error}"),
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`StateDir::resolve`].
    pub fn for_current_user(product: &str) -> Result<Self, StateDirError> {
        let user = directories::BaseDirs::new();
        let home = user.as_ref().map(directories::BaseDirs::home_dir);
        Self::resolve(product, |name| std::env::var_os(name), home)
    }

    /// Returns the administrator's directory, which contains files for all users.
    ///
    /// This is the value of the variable `{PRODUCT}_SYSTEM_DIR`, if it is set and not empty.
    /// Otherwise, or if the value is a relative path, it is the default of the platform, such as
    /// `/etc/coditect`. Returns `None` if the platform has no default. Only the manager of
    /// `LicenseManager::for_all_users` writes to this directory.
    ///
    /// ```
    /// use license_client::StateDir;
    ///
    /// if let Some(dir) = StateDir::for_system("CODITECT", |name| std::env::var_os(name)) {
    ///     println!("licenses for all users are in {}", dir.path().display());
    /// }
    /// ```
    pub fn for_system(
        product: &str,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Option<Self> {
        let mut paths = Self::system_paths(product, environment);
        paths.find(|path| path.is_absolute()).map(Self::at)
    }

    /// Returns the path in the variable `{PRODUCT}_SYSTEM_DIR`, if it is set, and the default of
    /// the platform, if there is one. The first path that can be used counts.
    pub(crate) fn system_paths(
        product: &str,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> impl Iterator<Item = PathBuf> {
        let variable = format!("{}_SYSTEM_DIR", product.to_ascii_uppercase());
        let configured = environment(&variable).filter(|path| !path.is_empty());
        let name = product.to_ascii_lowercase();
        let default = if cfg!(windows) {
            environment("ProgramData").map(|data| PathBuf::from(data).join(name))
        } else if cfg!(target_os = "macos") {
            Some(Path::new("/Library/Application Support").join(name))
        } else {
            Some(Path::new("/etc").join(name))
        };
        configured.map(PathBuf::from).into_iter().chain(default)
    }

    /// Returns the state directory at `path`.
    ///
    /// ```
    /// use license_client::StateDir;
    /// use std::path::Path;
    ///
    /// let dir = StateDir::at("/var/lib/shop");
    /// assert_eq!(dir.path(), Path::new("/var/lib/shop"));
    /// ```
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            origin: Origin::Chosen,
        }
    }

    /// Returns the administrator's directory at `path`, for writing. All users can read the files
    /// that are written there.
    pub(crate) fn shared(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            origin: Origin::Shared,
        }
    }

    /// Returns whether this is the administrator's directory. It contains no state of a machine.
    pub(crate) fn is_shared(&self) -> bool {
        self.origin == Origin::Shared
    }

    /// Returns a directory that contains nothing and cannot be created. It takes the place of a
    /// state directory that is not known.
    pub(crate) fn unknown() -> Self {
        Self::at(PathBuf::new())
    }

    /// Returns the path of the directory.
    ///
    /// ```
    /// use license_client::StateDir;
    ///
    /// let dir = StateDir::at("/var/lib/shop");
    /// println!("{}", dir.path().display());
    /// ```
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of a file in the directory.
    ///
    /// ```
    /// use license_client::{StateDir, StateFile};
    ///
    /// let path = StateDir::at("/var/lib/shop").file(StateFile::License);
    /// assert!(path.ends_with("license.lic"));
    /// ```
    pub fn file(&self, file: StateFile) -> PathBuf {
        self.path.join(file.as_str())
    }

    /// Checks that files can be written in the directory, and returns the metadata of a new file.
    ///
    /// The file contains a few kilobytes, so that a full disk is an error. It is removed again. Its
    /// owner is the owner of all files that this process creates.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::StateDir;
    ///
    /// assert!(StateDir::at(scratch.path()).try_writing().is_ok());
    /// assert!(StateDir::at(scratch.path().join("missing")).try_writing().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if the directory does not exist, if the system does not allow the write, or
    /// if [`StateDir::obstacle`] returns a reason.
    pub fn try_writing(&self) -> io::Result<Metadata> {
        self.open_existing()?.try_writing()
    }

    /// Returns why this program refuses to write to the directory, even if the system allows it.
    /// The text completes a message that ends with "is not writable:".
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::StateDir;
    ///
    /// let dir = StateDir::at(scratch.path());
    /// if let Some(obstacle) = dir.obstacle() {
    ///     eprintln!("{} is not writable: {obstacle}", dir.path().display());
    /// }
    /// # assert_eq!(dir.obstacle(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn obstacle(&self) -> Option<String> {
        let error = self.open_existing().err()?;
        UnsafeDirectory::in_error(&error).map(UnsafeDirectory::to_string)
    }

    /// Opens the directory for changes if it exists. Otherwise, checks that this user may create
    /// it, and returns `None`. Changes nothing.
    pub(crate) fn open_for_check(&self) -> io::Result<Option<WritableDirectory>> {
        match self.open_existing() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let exists = |path: &&Path| path.symlink_metadata().is_ok();
                let nearest = self.path.ancestors().find(exists);
                // The target of a symbolic link that does not exist is not created.
                let parent = nearest
                    .filter(|nearest| *nearest != self.path)
                    .ok_or(error)?;
                Directory::open(parent)?.check_access().map(|()| None)
            }
            opened => {
                let directory = opened?;
                directory.check_access()?;
                Ok(Some(directory))
            }
        }
    }

    /// Opens the directory for changes, and changes nothing.
    fn open_existing(&self) -> io::Result<WritableDirectory> {
        let directory = WritableDirectory::open(&self.path, Missing::Fail)?;
        directory.check()?;
        Ok(directory)
    }

    /// Returns the path of the file that writers lock.
    ///
    /// While the file is locked, it contains the description of the holder. This program never
    /// replaces or removes the file, because a lock belongs to the file and not to its name. If
    /// another program removes it, writers lock a new file.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.path.join(LOCK)
    }

    /// Opens the directory for changes. Removes the access of other users, if the directory belongs
    /// to this user and contains only state.
    ///
    /// # Errors
    ///
    /// Returns an error that contains an `UnsafeDirectory`, if this is a process of root and
    /// another user can change the directory or its path. Otherwise, returns the error of the
    /// system.
    pub(crate) fn open(&self, missing: Missing) -> io::Result<WritableDirectory> {
        let (missing, readers) = match (self.is_shared(), missing) {
            (true, Missing::Create) => (Missing::CreateForAll, Readers::Everyone),
            (true, missing) => (missing, Readers::Everyone),
            (false, missing) => (missing, Readers::Owner),
        };
        let directory = WritableDirectory::open(&self.path, missing)?.readable_by(readers);
        directory.restrict_access(|found| self.contains_only_state(&directory, found));
        directory.check()?;
        Ok(directory)
    }

    /// Returns whether the directory contains only state.
    ///
    /// Other users may need a chosen directory, such as `/opt/product`. Its permissions change only
    /// if it is empty. A sticky directory is shared on purpose, so its permissions never change. In
    /// either case, the files of this program are private.
    fn contains_only_state(&self, directory: &WritableDirectory, found: &Metadata) -> bool {
        match self.origin {
            Origin::Default => true,
            Origin::Chosen => !is_sticky(found) && directory.is_empty(),
            Origin::Shared => false,
        }
    }

    fn chosen(variable: String, path: PathBuf) -> Result<Self, StateDirError> {
        if path.is_absolute() {
            return Ok(Self::at(path));
        }
        Err(StateDirError::NotAbsolute {
            variable,
            value: path,
        })
    }

    fn in_home(
        product: &str,
        variable: String,
        home: Option<&Path>,
    ) -> Result<Self, StateDirError> {
        match home.filter(|home| !home.as_os_str().is_empty()) {
            None => Err(StateDirError::NoHome { variable }),
            Some(home) if home.is_absolute() => Ok(Self {
                path: home.join(format!(".{}", product.to_ascii_lowercase())),
                origin: Origin::Default,
            }),
            Some(home) => Err(StateDirError::NotAbsolute {
                variable: HOME.to_owned(),
                value: home.to_owned(),
            }),
        }
    }
}

#[cfg(unix)]
fn is_sticky(found: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(found) & 0o1000 != 0
}

#[cfg(not(unix))]
fn is_sticky(_: &Metadata) -> bool {
    false
}

impl AsRef<Path> for StateDir {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests;
