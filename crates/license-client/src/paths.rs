//! The state directories of the user and of the administrator.

use crate::state_dir::{StateDir, StateDirError};
use crate::store::Store;

/// The directories that contain a product's files.
///
/// The state directory of the user is read and written. The directory of the administrator is only
/// read.
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
}

impl Paths {
    /// Returns the paths of the user who runs this process.
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
        Ok(
            match StateDir::for_system(product, |name| std::env::var_os(name)) {
                Some(system) => paths.system_dir(system),
                None => paths,
            },
        )
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
        }
    }

    /// Sets the directory of the administrator.
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
}

impl From<StateDir> for Paths {
    fn from(user: StateDir) -> Self {
        Self::at(user)
    }
}
