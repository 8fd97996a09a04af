//! The state directories of the user and of the administrator.

use crate::state_dir::{StateDir, StateDirError};
use crate::store::Store;

/// The directories that contain a product's files.
///
/// The state directory of the user is read and written. The directory of the administrator is only
/// read.
#[derive(Debug, Clone)]
pub struct Paths {
    user: Store,
    system: Option<Store>,
}

impl Paths {
    /// Returns the paths of the user who runs this process.
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
    pub fn at(user: StateDir) -> Self {
        Self {
            user: Store::new(user),
            system: None,
        }
    }

    /// Sets the directory of the administrator.
    #[must_use]
    pub fn system_dir(self, system: StateDir) -> Self {
        Self {
            system: Some(Store::new(system)),
            ..self
        }
    }

    /// Returns the store of the user.
    pub fn user(&self) -> &Store {
        &self.user
    }

    /// Returns the store of the administrator.
    pub fn system(&self) -> Option<&Store> {
        self.system.as_ref()
    }
}

impl From<StateDir> for Paths {
    fn from(user: StateDir) -> Self {
        Self::at(user)
    }
}
