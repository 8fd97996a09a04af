//! The directories in which a product keeps its state on this machine, and the files in them.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::files::create_private;

/// The file that writers lock.
pub(crate) const LOCK: &str = ".lock";

/// The folder of one product's state, which need not exist yet.
///
/// It is created, closed to other users, at the first write.
///
/// ```
/// use license_client::{StateDir, StateFile};
/// use std::path::Path;
///
/// # let home = if cfg!(windows) { Path::new(r"C:\ann") } else { Path::new("/home/ann") };
/// let dir = StateDir::resolve("CODITECT", |_| None, Some(home))?;
/// assert_eq!(dir.path(), home.join(".coditect"));
/// assert_eq!(dir.file(StateFile::License), home.join(".coditect").join("license.lic"));
/// # Ok::<(), license_client::HomeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    path: PathBuf,
    origin: Origin,
}

/// Who named the folder, which decides whether its permissions are ours to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// We did: `.coditect` in the home directory.
    Default,
    /// The user or the program did, and may keep other things there.
    Chosen,
}

impl StateDir {
    /// Finds the folder of `product`: `{PRODUCT}_HOME` if that variable is set and not empty, else `.{product}` in `home`.
    ///
    /// # Errors
    ///
    /// When the variable holds a relative path, when it is not set and `home` is missing or relative, or when `product`
    /// is no product code.
    pub fn resolve(
        product: &str,
        environment: impl Fn(&str) -> Option<OsString>,
        home: Option<&Path>,
    ) -> Result<Self, HomeError> {
        if product.is_empty() || !product.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(HomeError::NotAProductCode);
        }
        let variable = format!("{}_HOME", product.to_ascii_uppercase());
        match environment(&variable).filter(|value| !value.is_empty()) {
            Some(value) => Self::chosen(variable, value.into()),
            None => Self::in_home(product, variable, home),
        }
    }

    /// [`StateDir::resolve`] with the environment and the home directory of the user who runs this process.
    ///
    /// # Errors
    ///
    /// As [`StateDir::resolve`].
    pub fn of_this_user(product: &str) -> Result<Self, HomeError> {
        let user = directories::BaseDirs::new();
        let home = user.as_ref().map(directories::BaseDirs::home_dir);
        Self::resolve(product, |name| std::env::var_os(name), home)
    }

    /// The folder where an administrator keeps what serves every user: `{PRODUCT}_SYSTEM_DIR` if that variable is set to an absolute
    /// path, else the platform's own, such as `/etc/coditect`. Nothing is ever written to it.
    pub fn of_system(
        product: &str,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Option<Self> {
        let variable = format!("{}_SYSTEM_DIR", product.to_ascii_uppercase());
        let set = environment(&variable).map(PathBuf::from);
        let name = product.to_ascii_lowercase();
        let own = || {
            if cfg!(windows) {
                environment("ProgramData").map(|data| PathBuf::from(data).join(name))
            } else if cfg!(target_os = "macos") {
                Some(Path::new("/Library/Application Support").join(name))
            } else {
                Some(Path::new("/etc").join(name))
            }
        };
        set.filter(|path| !path.as_os_str().is_empty())
            .or_else(own)
            .filter(|path| path.is_absolute())
            .map(Self::at)
    }

    /// Takes `path` itself as the folder.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            origin: Origin::Chosen,
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of one of its files.
    pub fn file(&self, file: StateFile) -> PathBuf {
        self.path.join(file.name())
    }

    /// Tries whether files can be made in the folder, with one that has no name where the system has such, and is gone at once in any
    /// case. Its metadata tell who owns what this process makes.
    ///
    /// # Errors
    ///
    /// The system's refusal, also if there is no such folder.
    pub fn try_writing(&self) -> io::Result<fs::Metadata> {
        tempfile::tempfile_in(&self.path)?.metadata()
    }

    /// Why nothing is written here although it could be, in words that follow "it can't be written:"; none where nothing is suspicious.
    pub fn obstacle(&self) -> Option<&'static str> {
        let is_other = |found: fs::Metadata| !found.file_type().is_file();
        if fs::metadata(&self.path).is_ok_and(|folder| self.leads_astray(&folder)) {
            return Some("a link of somebody else's leads to a folder that is none of theirs");
        }
        let lock = fs::symlink_metadata(self.lock_file());
        lock.is_ok_and(is_other)
            .then_some(".lock in it is not a regular file")
    }

    /// The file that writers lock; it holds nothing, and it is never replaced or removed, for a lock is on the file and not
    /// on its name.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.path.join(LOCK)
    }

    /// Makes the folder if there is none, for its owner alone; its parents as the user's umask has it.
    pub(crate) fn create(&self) -> io::Result<()> {
        let created = match create_private(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.create_with_parents(),
            other => other,
        };
        match created {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.tighten(),
            other => other,
        }
    }

    fn create_with_parents(&self) -> io::Result<()> {
        if let Some(parent) = self.path.parent() {
            fs::create_dir_all(parent)?;
        }
        create_private(&self.path)
    }

    fn chosen(variable: String, path: PathBuf) -> Result<Self, HomeError> {
        if path.is_absolute() {
            return Ok(Self::at(path));
        }
        Err(HomeError::NotAbsolute {
            variable,
            value: path,
        })
    }

    fn in_home(product: &str, variable: String, home: Option<&Path>) -> Result<Self, HomeError> {
        let Some(home) = home.filter(|home| home.is_absolute()) else {
            return Err(HomeError::NoHome { variable });
        };
        Ok(Self {
            path: home.join(format!(".{}", product.to_ascii_lowercase())),
            origin: Origin::Default,
        })
    }
}

#[cfg(unix)]
impl StateDir {
    /// Takes the folder away from other users, if it is this user's and held for state alone.
    ///
    /// Works on the opened folder, so that what is judged is what is changed even where a symlink is moved meanwhile.
    fn tighten(&self) -> io::Result<()> {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let folder = fs::File::open(&self.path)?;
        let metadata = folder.metadata()?;
        if !metadata.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        if self.leads_astray(&metadata) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let open_to_others = metadata.mode() & 0o077 != 0;
        if open_to_others && self.is_for_state_alone(&metadata) && self.is_of_this_user(&metadata) {
            // A file system without permissions refuses this, and holds state well enough all the same.
            let _ = folder.set_permissions(fs::Permissions::from_mode(0o700));
        }
        Ok(())
    }

    /// Whether a link that somebody else made leads to a folder that is none of theirs: root would write there for whoever made the link.
    fn leads_astray(&self, folder: &fs::Metadata) -> bool {
        use std::os::unix::fs::MetadataExt;
        let is_anothers =
            |link: &fs::Metadata| link.is_symlink() && ![0, folder.uid()].contains(&link.uid());
        let link = fs::symlink_metadata(&self.path).ok().filter(is_anothers);
        link.is_some_and(|link| !self.is_of_this_user(&link))
    }

    /// A folder that was chosen may be one that other users need, such as `/opt/product`: unless it is empty, it stays as
    /// it is, and so does a sticky one, which is shared on purpose. The files in it are private in any case.
    fn is_for_state_alone(&self, metadata: &fs::Metadata) -> bool {
        use std::os::unix::fs::MetadataExt;
        let sticky = metadata.mode() & 0o1000 != 0;
        let empty = || fs::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_none());
        match self.origin {
            Origin::Default => true,
            Origin::Chosen => !sticky && empty(),
        }
    }

    /// Asks the file system, by way of a new file's owner: the standard library cannot tell who we are.
    fn is_of_this_user(&self, metadata: &fs::Metadata) -> bool {
        use std::os::unix::fs::MetadataExt;
        self.try_writing()
            .is_ok_and(|probe| probe.uid() == metadata.uid())
    }
}

#[cfg(not(unix))]
impl StateDir {
    /// Elsewhere only some users make links.
    fn leads_astray(&self, _: &fs::Metadata) -> bool {
        false
    }

    /// Elsewhere a folder inherits the access rules of the user's profile.
    fn tighten(&self) -> io::Result<()> {
        if fs::metadata(&self.path)?.is_dir() {
            return Ok(());
        }
        Err(io::ErrorKind::NotADirectory.into())
    }
}

/// A file in the state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StateFile {
    /// `license.key`: the enterprise key, in its canonical form.
    Key,
    /// `license.lic`: the installed license file.
    License,
    /// `license.cache`: the latest validation tokens and the high-water mark, sealed.
    Cache,
    /// `quota`: what was used of quotas today, sealed.
    Quota,
    /// `trust.jwks`: the vendor's public keys, for programs that embed none.
    Trust,
    /// `usage`: the closed entries of usage reports, sealed.
    Usage,
    /// `revocations.lic`: the newest revocation list of each signing key.
    Revocations,
    /// `activation`: what was asked of the vendor, is held and was given up, sealed.
    Activation,
    /// `trust.lic`: what keys in `trust.jwks` say of others, in the order in which it was installed.
    TrustStatements,
}

impl StateFile {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Key,
        Self::License,
        Self::Cache,
        Self::Quota,
        Self::Trust,
        Self::Usage,
        Self::Revocations,
        Self::Activation,
        Self::TrustStatements,
    ];

    /// Its name in the folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "license.key",
            Self::License => "license.lic",
            Self::Cache => "license.cache",
            Self::Quota => "quota",
            Self::Trust => "trust.jwks",
            Self::Usage => "usage",
            Self::Revocations => "revocations.lic",
            Self::Activation => "activation",
            Self::TrustStatements => "trust.lic",
        }
    }
}

/// The reason why no state directory can be named.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HomeError {
    /// The variable has a relative path, which would be another directory in every working
    /// directory.
    #[error("{variable} must be an absolute path, not {value:?}")]
    NotAbsolute {
        /// The environment variable, such as `CODITECT_HOME`.
        variable: String,
        /// Its value.
        value: PathBuf,
    },
    /// The user has no home directory, and the variable that could replace it is not set.
    #[error("no home directory is known and {variable} is not set")]
    NoHome {
        /// The environment variable to set, such as `CODITECT_HOME`.
        variable: String,
    },
    /// The product code contains other characters than ASCII letters and digits, and so cannot
    /// name a directory.
    #[error("a product code must be of ASCII letters and digits")]
    NotAProductCode,
}

#[cfg(test)]
mod tests;
