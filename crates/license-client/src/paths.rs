//! The state directories of the user and of the administrator.

use crate::administrator::{self, SystemDirError};
use crate::state_dir::{StateDir, StateDirError};
use crate::store::Store;

/// The directories that contain a product's files.
///
/// The state directory of the user is read and written. The directory of the administrator is only
/// read. Anyone who can write to it can share an activation with all users.
///
/// ```
/// # let scratch = tempfile::tempdir()?;
/// use license_client::{Paths, StateDir};
///
/// let user = StateDir::at(scratch.path().join("user"));
/// let administrator = StateDir::at(scratch.path().join("system"));
/// let paths = Paths::at(user).system_dir(administrator);
/// assert_eq!(paths.user().dir().path(), scratch.path().join("user"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Paths {
    user: Store,
    system: Option<Store>,
    refused: Option<SystemDirError>,
}

impl Paths {
    /// Returns the paths of the user who runs this process.
    ///
    /// The directory of the administrator counts only if the directory and all directories above it
    /// belong to an administrator. Otherwise [`Paths::refused_system`] returns the reason.
    ///
    /// ```
    /// use license_client::Paths;
    ///
    /// match Paths::for_current_user("CODITECT") {
    ///     Ok(paths) => println!("{}", paths.user().dir().path().display()),
    ///     Err(error) => eprintln!("{error}"),
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`StateDir::resolve`].
    pub fn for_current_user(product: &str) -> Result<Self, StateDirError> {
        let paths = Self::at(StateDir::for_current_user(product)?);
        let system = StateDir::for_system(product, |name| std::env::var_os(name));
        Ok(match system {
            Some(system) => paths.checked_system_dir(&system),
            None => paths,
        })
    }

    /// Sets the directory of the administrator, if it belongs to an administrator.
    fn checked_system_dir(self, system: &StateDir) -> Self {
        match administrator::check(system.path()) {
            // No other user can change what this path means.
            Ok(path) => self.system_dir(StateDir::at(path)),
            Err(refused) => Self {
                refused: Some(refused),
                ..self
            },
        }
    }

    /// Returns paths with only the directory of the user.
    ///
    /// ```
    /// use license_client::{Paths, StateDir};
    ///
    /// let paths = Paths::at(StateDir::at("/var/lib/shop"));
    /// assert!(paths.system().is_none());
    /// ```
    pub fn at(user: StateDir) -> Self {
        Self {
            user: Store::new(user),
            system: None,
            refused: None,
        }
    }

    /// Sets the directory of the administrator. The caller ensures that only an administrator can
    /// change this directory.
    ///
    /// ```
    /// use license_client::{Paths, StateDir};
    ///
    /// let paths = Paths::at(StateDir::at("/var/lib/shop")).system_dir(StateDir::at("/etc/shop"));
    /// assert!(paths.system().is_some());
    /// ```
    #[must_use]
    pub fn system_dir(self, system: StateDir) -> Self {
        Self {
            system: Some(Store::new(system)),
            refused: None,
            ..self
        }
    }

    /// Returns the store of the user.
    ///
    /// ```
    /// use license_client::{Paths, StateDir};
    ///
    /// let paths = Paths::at(StateDir::at("/var/lib/shop"));
    /// println!("{} incomplete files", paths.user().incomplete_files().len());
    /// ```
    pub fn user(&self) -> &Store {
        &self.user
    }

    /// Returns the store of the administrator.
    ///
    /// ```
    /// use license_client::{Paths, StateDir};
    ///
    /// let paths = Paths::at(StateDir::at("/var/lib/shop")).system_dir(StateDir::at("/etc/shop"));
    /// let system = paths.system().map(|store| store.dir().path().to_owned());
    /// assert_eq!(system, Some("/etc/shop".into()));
    /// ```
    pub fn system(&self) -> Option<&Store> {
        self.system.as_ref()
    }

    /// Returns why the directory of the administrator is not used, if it was refused.
    ///
    /// ```
    /// use license_client::{Paths, StateDir};
    ///
    /// let paths = Paths::at(StateDir::at("/var/lib/shop"));
    /// assert_eq!(paths.refused_system(), None);
    /// ```
    pub fn refused_system(&self) -> Option<&SystemDirError> {
        self.refused.as_ref()
    }
}

impl From<StateDir> for Paths {
    fn from(user: StateDir) -> Self {
        Self::at(user)
    }
}
