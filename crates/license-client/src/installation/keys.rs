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

    /// Returns the keys for the user's license: those of the user and of the administrator.
    pub(crate) fn for_user(self, paths: &Paths) -> Result<UsableKeys, InstallationError> {
        match self {
            Self::Given(keys) => Ok(UsableKeys::given(keys)),
            Self::Installed => {
                let (roots, problem) = read_all_roots(paths)?;
                let rotated = roots.map(|roots| Installation::rotate(paths, roots).keys().clone());
                Ok(UsableKeys {
                    keys: rotated.unwrap_or_default(),
                    problem,
                })
            }
        }
    }

    /// Returns the keys for the administrator's license: first the keys of the administrator, then
    /// those of the user. Trust statements of the user do not apply to the administrator's keys,
    /// because nothing in the user's directory may remove these keys.
    pub(super) fn for_system(
        self,
        paths: &Paths,
        system: &Store,
    ) -> Result<UsableKeys, InstallationError> {
        match self {
            Self::Given(keys) => Ok(UsableKeys::given(keys)),
            Self::Installed => {
                let only = |store: &Store| Installation::trust(&Paths::at(store.dir().clone()));
                // A problem with the keys of the user is reported with the license of the user.
                let own = Ok(only(paths.user()).ok().flatten());
                let ([shared, own], problem) = usable([only(system), own])?;
                let shared = shared.unwrap_or_default();
                Ok(UsableKeys {
                    keys: shared.joined(&own.unwrap_or_default()),
                    problem,
                })
            }
        }
    }
}

/// The keys that verify a license.
pub(crate) struct UsableKeys {
    pub(crate) keys: TrustSet,
    /// The problem with the keys of one directory, if the keys of the other one are used.
    pub(super) problem: Option<InstallationError>,
}

impl UsableKeys {
    fn given(keys: &TrustSet) -> Self {
        Self {
            keys: keys.clone(),
            problem: None,
        }
    }
}

/// The keys of two directories, and the problem with one of them.
type KeysOfBoth = ([Option<TrustSet>; 2], Option<InstallationError>);

/// Returns the keys of both directories. Keys that cannot be used do not hide those of the other
/// directory. Without other keys, the first error is returned.
fn usable(
    both: [Result<Option<TrustSet>, InstallationError>; 2],
) -> Result<KeysOfBoth, InstallationError> {
    match both {
        [Ok(first), Ok(second)] => Ok(([first, second], None)),
        [Ok(first), Err(problem)] => Ok(([first, None], Some(problem))),
        [Err(problem), Ok(Some(second))] => Ok(([None, Some(second)], Some(problem))),
        [Err(problem), _] => Err(problem),
    }
}

/// Returns the keys of both directories before any trust statement is applied.
pub(crate) fn installed_roots(paths: &Paths) -> Result<Option<TrustSet>, InstallationError> {
    read_all_roots(paths).map(|(roots, _)| roots)
}

/// Reads the keys of both directories. Returns the problem with one of them, if the keys of the
/// other one can be used.
fn read_all_roots(
    paths: &Paths,
) -> Result<(Option<TrustSet>, Option<InstallationError>), InstallationError> {
    let shared = match paths.system() {
        Some(system) => {
            read_roots(system).map_err(|source| InstallationError::shared(system, source))
        }
        None => Ok(None),
    };
    let (roots, problem) = usable([read_roots(paths.user()), shared])?;
    let all = roots.into_iter().flatten();
    Ok((all.reduce(|own, shared| own.joined(&shared)), problem))
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
