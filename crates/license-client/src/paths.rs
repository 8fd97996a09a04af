//! The state directories of the user and of the administrator.

use crate::administrator::{self, SystemDirError};
use crate::state_dir::{StateDir, StateDirError};
use crate::store::Store;

/// The directories that contain a product's files.
///
/// The state directory of the user is read and written. The directory of the administrator is only
/// read, except by the manager of `LicenseManager::for_all_users`. Anyone who can write to it can
/// share an activation with all users.
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
    /// The reason why the directory of the user is not known.
    unknown_user: Option<StateDirError>,
    system: Option<Store>,
    refused: Vec<SystemDirError>,
}

impl Paths {
    /// Returns the paths of the user who runs this process.
    ///
    /// Without a home directory, the directory of the user contains nothing and cannot be written,
    /// and [`Paths::unknown_user`] returns the reason. The directory of the administrator still
    /// counts.
    ///
    /// The directory of the administrator counts only if the directory and all directories above it
    /// belong to an administrator. If the directory in the variable `{PRODUCT}_SYSTEM_DIR` does
    /// not, the default directory is used. [`Paths::refused_system`] returns the reasons.
    ///
    /// ```
    /// use license_client::Paths;
    ///
    /// let paths = Paths::for_current_user("CODITECT");
    /// match paths.unknown_user() {
    ///     None => println!("{}", paths.user().dir().path().display()),
    ///     Some(error) => eprintln!("{error}"),
    /// }
    /// ```
    pub fn for_current_user(product: &str) -> Self {
        let mut paths = match StateDir::for_current_user(product) {
            Ok(user) => Self::at(user),
            Err(error) => Self {
                unknown_user: Some(error),
                ..Self::at(StateDir::unknown())
            },
        };
        for path in StateDir::system_paths(product, |name| std::env::var_os(name)) {
            match administrator::check(&path) {
                // No other user can change what this path means.
                Ok(path) => {
                    paths.system = Some(Store::new(StateDir::at(path)));
                    break;
                }
                Err(refused) => paths.refused.push(refused),
            }
        }
        paths
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
            unknown_user: None,
            system: None,
            refused: Vec::new(),
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
            refused: Vec::new(),
            ..self
        }
    }

    /// Returns the store of the user. If the directory is not [known](Paths::unknown_user), the
    /// store contains nothing and cannot be written.
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

    /// Returns why the directory of the user is not known, if it is not.
    ///
    /// ```
    /// use license_client::{Paths, StateDir};
    ///
    /// let paths = Paths::at(StateDir::at("/var/lib/shop"));
    /// assert_eq!(paths.unknown_user(), None);
    /// ```
    pub fn unknown_user(&self) -> Option<&StateDirError> {
        self.unknown_user.as_ref()
    }

    /// Returns these paths, if the directory of the user is known.
    pub(crate) fn with_known_user(&self) -> Result<&Self, &StateDirError> {
        self.unknown_user.as_ref().map_or(Ok(self), Err)
    }

    /// Returns the known directories: that of the user, and that of the administrator.
    pub(crate) fn stores(&self) -> impl Iterator<Item = &Store> {
        let user = self.unknown_user.is_none().then_some(&self.user);
        user.into_iter().chain(&self.system)
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

    /// Returns why directories of the administrator are not used, if any were refused.
    ///
    /// ```
    /// use license_client::{Paths, StateDir};
    ///
    /// let paths = Paths::at(StateDir::at("/var/lib/shop"));
    /// assert!(paths.refused_system().is_empty());
    /// ```
    pub fn refused_system(&self) -> &[SystemDirError] {
        &self.refused
    }
}

impl From<StateDir> for Paths {
    fn from(user: StateDir) -> Self {
        Self::at(user)
    }
}
