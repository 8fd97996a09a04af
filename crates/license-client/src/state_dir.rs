//! The directories that contain a product's state on this machine, and their files.

mod error;
mod file;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use error::StateDirError;
pub use file::StateFile;

use crate::files::create_private;

/// Name of the file that writers lock.
pub(crate) const LOCK: &str = ".lock";

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
    /// `home` is missing or relative, or if `product` is not a product code.
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
    /// Otherwise it is the default of the platform, such as `/etc/coditect`. Returns `None` if the
    /// path is relative, or if the platform has no default. Nothing is ever written to this
    /// directory.
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
        let variable = format!("{}_SYSTEM_DIR", product.to_ascii_uppercase());
        let configured = environment(&variable).map(PathBuf::from);
        let name = product.to_ascii_lowercase();
        let default = || {
            if cfg!(windows) {
                environment("ProgramData").map(|data| PathBuf::from(data).join(name))
            } else if cfg!(target_os = "macos") {
                Some(Path::new("/Library/Application Support").join(name))
            } else {
                Some(Path::new("/etc").join(name))
            }
        };
        configured
            .filter(|path| !path.as_os_str().is_empty())
            .or_else(default)
            .filter(|path| path.is_absolute())
            .map(Self::at)
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

    /// Checks that files can be created in the directory, and returns the metadata of a new file.
    ///
    /// The file is temporary, and has no name if the system supports files without names. Its owner
    /// is the owner of all files that this process creates.
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
    /// Returns the error of the system, for example if the directory does not exist.
    pub fn try_writing(&self) -> io::Result<fs::Metadata> {
        tempfile::tempfile_in(&self.path)?.metadata()
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
    pub fn obstacle(&self) -> Option<&'static str> {
        let is_other = |found: fs::Metadata| !found.file_type().is_file();
        if fs::metadata(&self.path).is_ok_and(|target| self.is_foreign_link(&target)) {
            return Some("refusing to follow a symbolic link owned by another user");
        }
        let lock = fs::symlink_metadata(self.lock_file());
        lock.is_ok_and(is_other)
            .then_some("the file .lock in the directory is not a regular file")
    }

    /// Returns the path of the file that writers lock.
    ///
    /// The file is empty, and is never replaced or removed, because a lock belongs to the file and
    /// not to its name.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.path.join(LOCK)
    }

    /// Creates the directory without access for other users. Missing parents get the usual
    /// permissions.
    pub(crate) fn create(&self) -> io::Result<()> {
        let created = match create_private(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.create_with_parents(),
            other => other,
        };
        match created {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.restrict_access(),
            other => other,
        }
    }

    fn create_with_parents(&self) -> io::Result<()> {
        if let Some(parent) = self.path.parent() {
            fs::create_dir_all(parent)?;
        }
        create_private(&self.path)
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
        let Some(home) = home.filter(|home| home.is_absolute()) else {
            return Err(StateDirError::NoHome { variable });
        };
        Ok(Self {
            path: home.join(format!(".{}", product.to_ascii_lowercase())),
            origin: Origin::Default,
        })
    }
}

#[cfg(unix)]
impl StateDir {
    /// Removes the access of other users, if the directory belongs to this user and contains only
    /// state.
    ///
    /// Changes the opened directory and not its path, so that replacing a symbolic link in the
    /// meantime has no effect.
    fn restrict_access(&self) -> io::Result<()> {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let directory = fs::File::open(&self.path)?;
        let metadata = directory.metadata()?;
        if !metadata.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        if self.is_foreign_link(&metadata) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let open_to_others = metadata.mode() & 0o077 != 0;
        if open_to_others
            && self.contains_only_state(&metadata)
            && self.is_owned_by_this_user(&metadata)
        {
            // File systems without permissions refuse this call. The state is stored nevertheless.
            let _ = directory.set_permissions(fs::Permissions::from_mode(0o700));
        }
        Ok(())
    }

    /// Returns whether the path is a symbolic link of another user who does not own the target
    /// directory. If root followed such a link, it would write to a directory that the owner of the
    /// link chose.
    fn is_foreign_link(&self, target: &fs::Metadata) -> bool {
        use std::os::unix::fs::MetadataExt;
        let is_foreign =
            |link: &fs::Metadata| link.is_symlink() && ![0, target.uid()].contains(&link.uid());
        let link = fs::symlink_metadata(&self.path).ok().filter(is_foreign);
        link.is_some_and(|link| !self.is_owned_by_this_user(&link))
    }

    /// Returns whether the directory contains only state.
    ///
    /// Other users may need a chosen directory, such as `/opt/product`. Its permissions change only
    /// if it is empty. A sticky directory is shared on purpose, so its permissions never change. In
    /// either case, the files of this program are private.
    fn contains_only_state(&self, metadata: &fs::Metadata) -> bool {
        use std::os::unix::fs::MetadataExt;
        let sticky = metadata.mode() & 0o1000 != 0;
        let empty = || fs::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_none());
        match self.origin {
            Origin::Default => true,
            Origin::Chosen => !sticky && empty(),
        }
    }

    /// Returns whether this user owns the file. Compares the owner of the file with the owner of a
    /// new file, because the standard library cannot return the user id.
    fn is_owned_by_this_user(&self, metadata: &fs::Metadata) -> bool {
        use std::os::unix::fs::MetadataExt;
        self.try_writing()
            .is_ok_and(|probe| probe.uid() == metadata.uid())
    }
}

#[cfg(not(unix))]
impl StateDir {
    /// Returns `false`, because on Windows only some users can create symbolic links.
    fn is_foreign_link(&self, _: &fs::Metadata) -> bool {
        false
    }

    /// Changes nothing, because on Windows a directory inherits the access rules of the user's
    /// profile.
    fn restrict_access(&self) -> io::Result<()> {
        if fs::metadata(&self.path)?.is_dir() {
            return Ok(());
        }
        Err(io::ErrorKind::NotADirectory.into())
    }
}

impl AsRef<Path> for StateDir {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests;
