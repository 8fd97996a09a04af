//! The keys that verify the installed licenses.

use license_core::TrustSet;
use license_core::license::Rotation;

use super::{Installation, InstallationError, read_text};
use crate::paths::Paths;
use crate::state_dir::StateFile;
use crate::store::Store;

/// The keys that verify licenses.
#[derive(Clone, Copy)]
pub(crate) enum Keys<'a> {
    /// The keys that are installed with the license.
    Installed,
    /// Only these keys, such as the embedded keys of a program.
    Given(&'a TrustSet),
}

impl<'a> Keys<'a> {
    /// Uses the given keys if there are any, and otherwise the installed keys.
    pub(crate) fn new(given: Option<&'a TrustSet>) -> Self {
        given.map_or(Self::Installed, Self::Given)
    }

    /// Returns the keys that verify the installed license, which is to be replaced. A damaged file
    /// with keys counts as empty.
    pub(super) fn for_replaced_license(self, paths: &Paths) -> TrustSet {
        self.rotated(paths, self.roots_before(paths)).keys().clone()
    }

    /// Returns the user's keys before any trust statement is applied. A damaged file with keys
    /// counts as empty.
    pub(super) fn roots_before(self, paths: &Paths) -> TrustSet {
        match self {
            Self::Given(keys) => keys.clone(),
            Self::Installed => read_roots(paths.user()).ok().flatten().unwrap_or_default(),
        }
    }

    /// Applies the stored trust statements to `roots`. Trust statements do not change given keys.
    pub(crate) fn rotated(self, paths: &Paths, roots: TrustSet) -> Rotation {
        match self {
            Self::Given(_) => Rotation::new(roots),
            Self::Installed => Installation::rotate(paths, roots),
        }
    }

    pub(crate) fn for_user(self, paths: &Paths) -> Result<TrustSet, InstallationError> {
        match self {
            Self::Given(keys) => Ok(keys.clone()),
            Self::Installed => Installation::trust(paths).map(Option::unwrap_or_default),
        }
    }

    /// Returns the keys for the administrator's license: first the keys of the administrator, then
    /// those of the user. Trust statements of the user do not apply to the administrator's keys,
    /// because nothing in the user's directory may remove these keys.
    pub(super) fn for_system(
        self,
        paths: &Paths,
        system: &Store,
    ) -> Result<TrustSet, InstallationError> {
        match self {
            Self::Given(keys) => Ok(keys.clone()),
            Self::Installed => {
                let only = |store: &Store| Paths::at(store.dir().clone());
                let shared = Installation::trust(&only(system))?.unwrap_or_default();
                let own = Installation::trust(&only(paths.user())).ok().flatten();
                Ok(shared.joined(&own.unwrap_or_default()))
            }
        }
    }
}

/// Returns the keys of both directories before any trust statement is applied.
pub(crate) fn installed_roots(paths: &Paths) -> Result<Option<TrustSet>, InstallationError> {
    let own = read_roots(paths.user())?;
    // A damaged file of the administrator must not disable the license of the user.
    let shared = paths
        .system()
        .and_then(|system| read_roots(system).ok().flatten());
    Ok(match (own, shared) {
        (Some(own), Some(shared)) => Some(own.joined(&shared)),
        (own, shared) => own.or(shared),
    })
}

fn read_roots(store: &Store) -> Result<Option<TrustSet>, InstallationError> {
    let Some(text) = read_text(store, StateFile::Trust)? else {
        return Ok(None);
    };
    let path = store.dir().file(StateFile::Trust);
    match TrustSet::parse(&text) {
        Ok(trust) => Ok(Some(trust)),
        Err(source) => Err(InstallationError::Trust { path, source }),
    }
}
