//! The license installed on this machine, and the keys that it was verified with.

mod candidate;
mod early;
mod error;
mod statements;

use std::path::PathBuf;

use license_core::{
    Activation, Bundle, LicenseId, MAX_FILE_BYTES, Matrix, Nonce, RevocationList, Rotation,
    TrustSet,
};

pub use candidate::{Candidate, Replace};
pub use error::InstallationError;
pub(crate) use statements::{kept_text, problems as statement_problems};

use crate::home::Home;
use crate::paths::StateFile;
use crate::store::{Damaged, Store};

/// What is installed, verified again just now.
#[derive(Debug)]
#[must_use]
pub struct Installation {
    bundle: Bundle,
    paths: Vec<PathBuf>,
    problems: Vec<InstallationError>,
    /// What the license of the user's was verified with, if there is one.
    keys: Option<TrustSet>,
}

impl Installation {
    /// Reads what is installed and verifies it with the keys installed beside it; none if nothing is. The user's license and the
    /// administrator's count together; where only one of them verifies, that one does.
    ///
    /// A license file of the user's that is damaged is set aside, so that it is not mistaken for one.
    ///
    /// # Errors
    /// [`InstallationError`] if there is no license that verifies, but one that does not, or can't be read.
    pub fn open(home: &Home, matrix: &Matrix) -> Result<Option<Self>, InstallationError> {
        Self::read(home, Keys::Installed, matrix, Damaged::Quarantine)
    }

    /// The same with these keys alone: those installed do not count, and need not be there.
    ///
    /// # Errors
    /// As [`Installation::open`].
    pub fn load(
        home: &Home,
        trust: &TrustSet,
        matrix: &Matrix,
    ) -> Result<Option<Self>, InstallationError> {
        Self::read(home, Keys::Given(trust), matrix, Damaged::Quarantine)
    }

    /// The installed keys, the user's with the administrator's, and what trust statements made of them; none if there are none.
    ///
    /// # Errors
    /// [`InstallationError`] if a file of keys can't be read, or is no trust set.
    pub fn trust(home: &Home) -> Result<Option<TrustSet>, InstallationError> {
        let rotation = Self::rotation(home)?;
        Ok(rotation.map(|rotation| rotation.keys().clone()))
    }

    /// The same with where each key comes from, and which were retired.
    ///
    /// # Errors
    /// As [`Installation::trust`].
    pub fn rotation(home: &Home) -> Result<Option<Rotation>, InstallationError> {
        let roots = roots_of(home)?;
        Ok(roots.map(|roots| Self::rotation_of(home, roots)))
    }

    /// What the installed trust statements make of these keys.
    pub fn rotation_of(home: &Home, roots: TrustSet) -> Rotation {
        let mut rotation = Rotation::new(roots);
        statements::apply_kept(&mut rotation, home);
        rotation
    }

    /// What the administrator's folder holds by itself, verified, and in which file.
    pub(crate) fn shared(
        home: &Home,
        keys: Keys<'_>,
        matrix: &Matrix,
    ) -> Option<(Bundle, PathBuf)> {
        let system = home.system()?;
        let found = found_in(system, || keys.of_system(home, system), matrix);
        let (bundle, path, _) = found.ok().flatten()?;
        Some((bundle, path))
    }

    /// Reads what is installed and verifies it with these keys.
    pub(crate) fn read(
        home: &Home,
        keys: Keys<'_>,
        matrix: &Matrix,
        damaged: Damaged,
    ) -> Result<Option<Self>, InstallationError> {
        let own = || found_in(home.user(), || keys.of_user(home), matrix);
        // Keys and license are two files: somebody may have installed others between the two.
        let found = match own() {
            Err(InstallationError::License { .. }) => own(),
            answer => answer,
        };
        let own = found.map_err(|error| match damaged {
            Damaged::Quarantine => error.set_aside(home.user(), own),
            Damaged::Leave => error,
        });
        let shared = match home.system() {
            Some(system) => found_in(system, || keys.of_system(home, system), matrix)
                .map_err(|source| InstallationError::shared(system, source)),
            None => Ok(None),
        };
        let (own, shared) = match (own, shared) {
            (Ok(None), Err(error)) | (Err(error), Ok(None) | Err(_)) => return Err(error),
            (own, shared) => (own, shared),
        };
        let keys = match &own {
            Ok(Some((_, _, keys))) => Some(keys.clone()),
            _ => None,
        };
        let (mut bundles, mut paths, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        for place in [own, shared] {
            match place {
                Ok(Some((bundle, path, _))) => {
                    bundles.push(bundle);
                    paths.push(path);
                }
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        let bundle = bundles.into_iter().reduce(|mut all, more| {
            all.extend(&more);
            all
        });
        Ok(bundle.map(|bundle| Self {
            bundle,
            paths,
            problems,
            keys,
        }))
    }

    /// The keys for what is kept beside the licenses: those that the user's was verified with just now, or else those installed.
    pub(crate) fn keys(&self, home: &Home) -> TrustSet {
        let installed = || Self::trust(home).ok().flatten().unwrap_or_default();
        self.keys.clone().unwrap_or_else(installed)
    }

    /// Adds validation tokens that are kept elsewhere, and returns those that are not for these licenses, or no longer verify.
    pub(crate) fn add_validations(
        &mut self,
        armored: &[String],
        trust: &TrustSet,
        matrix: &Matrix,
    ) -> Vec<String> {
        add_validations(&mut self.bundle, armored, trust, matrix)
    }

    /// Adds revocation lists that are kept elsewhere.
    pub(crate) fn add_revocations(&mut self, lists: Vec<RevocationList>) {
        self.bundle.add_revocations(lists);
    }

    /// Adds activations that are kept elsewhere, and what was given up.
    pub(crate) fn add_activations(
        &mut self,
        activations: Vec<Activation>,
        given_up: &[(LicenseId, Nonce)],
    ) {
        self.bundle.add_activations(activations);
        self.bundle.add_given_up(given_up.iter().cloned());
    }

    /// The verified licenses, the validation tokens for them, and the revocation lists.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Where the licenses are kept: the user's first.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// What is wrong with the license of the other place, where there are two.
    pub fn problems(&self) -> &[InstallationError] {
        &self.problems
    }
}

fn add_validations(
    bundle: &mut Bundle,
    armored: &[String],
    trust: &TrustSet,
    matrix: &Matrix,
) -> Vec<String> {
    let mut foreign = Vec::new();
    for armor in armored {
        match Bundle::verify_beside(armor, trust, matrix, bundle.licenses()) {
            Ok(added) => bundle.extend(&added),
            Err(_) => foreign.push(armor.clone()),
        }
    }
    foreign
}

/// The license, where it is, and the keys that it was verified with.
type Found = Result<Option<(Bundle, PathBuf, TrustSet)>, InstallationError>;

/// The license in one place.
fn found_in(
    store: &Store,
    trust: impl Fn() -> Result<TrustSet, InstallationError>,
    matrix: &Matrix,
) -> Found {
    // Installing writes the one before it removes the other, so both may be there for a moment.
    for file in [StateFile::License, StateFile::Key] {
        if let Some(text) = read_text(store, file)? {
            let trust = trust()?;
            if trust.is_empty() {
                return Err(InstallationError::NoTrust);
            }
            let path = store.dir().file(file);
            return match Bundle::verify(&text, &trust, matrix) {
                Ok(bundle) => Ok(Some((bundle, path, trust))),
                Err(source) => Err(InstallationError::License {
                    path,
                    source: Box::new(source),
                    aside: None,
                }),
            };
        }
    }
    Ok(None)
}

/// The keys to verify with.
#[derive(Clone, Copy)]
pub(crate) enum Keys<'a> {
    /// Those installed beside the license.
    Installed,
    /// These.
    Given(&'a TrustSet),
}

impl<'a> Keys<'a> {
    /// These if there are some, else those installed.
    pub(crate) fn of(given: Option<&'a TrustSet>) -> Self {
        given.map_or(Self::Installed, Self::Given)
    }

    /// What a license of the user's is replaced with regard to: an installed set that is damaged is none.
    fn before(self, home: &Home) -> TrustSet {
        self.with_kept(home, self.roots_before(home)).keys().clone()
    }

    /// The same before any trust statement.
    fn roots_before(self, home: &Home) -> TrustSet {
        match self {
            Self::Given(keys) => keys.clone(),
            Self::Installed => roots_in(home.user()).ok().flatten().unwrap_or_default(),
        }
    }

    /// What the kept statements make of keys: nothing where a program has its own.
    pub(crate) fn with_kept(self, home: &Home, roots: TrustSet) -> Rotation {
        match self {
            Self::Given(_) => Rotation::new(roots),
            Self::Installed => Installation::rotation_of(home, roots),
        }
    }

    pub(crate) fn of_user(self, home: &Home) -> Result<TrustSet, InstallationError> {
        match self {
            Self::Given(keys) => Ok(keys.clone()),
            Self::Installed => Installation::trust(home).map(Option::unwrap_or_default),
        }
    }

    /// The administrator's own first: nothing in the user's folder takes them away.
    fn of_system(self, home: &Home, system: &Store) -> Result<TrustSet, InstallationError> {
        match self {
            Self::Given(keys) => Ok(keys.clone()),
            Self::Installed => {
                let only = |store: &Store| Home::at(store.dir().clone());
                let shared = Installation::trust(&only(system))?.unwrap_or_default();
                let own = Installation::trust(&only(home.user())).ok().flatten();
                Ok(shared.joined(&own.unwrap_or_default()))
            }
        }
    }
}

/// The keys of both folders before any trust statement.
pub(crate) fn roots_of(home: &Home) -> Result<Option<TrustSet>, InstallationError> {
    let own = roots_in(home.user())?;
    // A file of the administrator's that is of no use must not keep a user from their own license.
    let shared = home
        .system()
        .and_then(|system| roots_in(system).ok().flatten());
    Ok(match (own, shared) {
        (Some(own), Some(shared)) => Some(own.joined(&shared)),
        (own, shared) => own.or(shared),
    })
}

fn roots_in(store: &Store) -> Result<Option<TrustSet>, InstallationError> {
    let Some(text) = read_text(store, StateFile::Trust)? else {
        return Ok(None);
    };
    let path = store.dir().file(StateFile::Trust);
    match TrustSet::parse(&text) {
        Ok(trust) => Ok(Some(trust)),
        Err(source) => Err(InstallationError::Trust { path, source }),
    }
}

fn read_text(store: &Store, file: StateFile) -> Result<Option<String>, InstallationError> {
    let Some(bytes) = store.read(file, MAX_FILE_BYTES)? else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes).map_err(|_| InstallationError::NotText {
        path: store.dir().file(file),
        aside: None,
    })?;
    Ok(Some(text))
}
