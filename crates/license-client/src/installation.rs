//! The license installed on this machine, and the keys that it was verified with.

use std::fmt;
use std::path::{Path, PathBuf};

use license_core::{
    Bundle, BundleError, Canonical, Code, Context, MAX_FILE_BYTES, Matrix, Outcome, TrustError,
    TrustSet,
};

use crate::{HomeError, StateFile, Store, StoreError};

/// What is installed, verified again just now.
#[derive(Debug)]
#[must_use]
pub struct Installation {
    bundle: Bundle,
    path: PathBuf,
}

impl Installation {
    /// Reads what is installed and verifies it with the keys installed beside it; none if nothing is.
    ///
    /// # Errors
    /// [`InstallationError`] if a file can't be read, what is in it does not verify, or the keys are missing.
    pub fn open(store: &Store, matrix: &Matrix) -> Result<Option<Self>, InstallationError> {
        let read = || {
            let trust = Self::trust(store)?.unwrap_or_default();
            Self::load(store, &trust, matrix)
        };
        // Keys and license are two files: somebody may have installed others between the two.
        match read() {
            Err(InstallationError::License { .. }) => read(),
            answer => answer,
        }
    }

    /// Reads what is installed and verifies it with these keys; none if nothing is.
    ///
    /// # Errors
    /// [`InstallationError`] if a file can't be read, or what is in it does not verify.
    pub fn load(
        store: &Store,
        trust: &TrustSet,
        matrix: &Matrix,
    ) -> Result<Option<Self>, InstallationError> {
        // Installing writes the one before it removes the other, so both may be there for a moment.
        for file in [StateFile::License, StateFile::Key] {
            if let Some(text) = read_text(store, file)? {
                if trust.is_empty() {
                    return Err(InstallationError::NoTrust);
                }
                let path = store.dir().file(file);
                return match Bundle::verify(&text, trust, matrix) {
                    Ok(bundle) => Ok(Some(Self { bundle, path })),
                    Err(source) => Err(InstallationError::License { path, source }),
                };
            }
        }
        Ok(None)
    }

    /// The keys that the installed license was verified with; none if there are none.
    ///
    /// # Errors
    /// [`InstallationError`] if the file can't be read, or is no trust set.
    pub fn trust(store: &Store) -> Result<Option<TrustSet>, InstallationError> {
        let Some(text) = read_text(store, StateFile::Trust)? else {
            return Ok(None);
        };
        let path = store.dir().file(StateFile::Trust);
        match TrustSet::parse(&text) {
            Ok(trust) => Ok(Some(trust)),
            Err(source) => Err(InstallationError::Trust { path, source }),
        }
    }

    /// The verified license.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Where it is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn read_text(store: &Store, file: StateFile) -> Result<Option<String>, InstallationError> {
    let Some(bytes) = store
        .read(file, MAX_FILE_BYTES)
        .map_err(InstallationError::Store)?
    else {
        return Ok(None);
    };
    let path = || store.dir().file(file);
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| InstallationError::NotText { path: path() })
}

/// Whether a license that holds may be replaced by one that does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It may not: that would stop software in production.
    UnlessWorse,
    /// It may.
    Always,
}

/// A verified license to install, and what it was verified with.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The license.
    pub bundle: &'a Bundle,
    /// The keys that it was verified with.
    pub trust: &'a TrustSet,
    /// The product.
    pub matrix: &'a Matrix,
}

impl Candidate<'_> {
    /// Stores the license in place of what is installed, and its keys beside it, and returns where it is kept.
    /// Whatever moment the process dies at, what is found then verifies.
    ///
    /// # Errors
    /// [`InstallationError::Worse`] if it does not hold in this context, what is installed does, and `replace` does
    /// not allow that; others if the state directory can't be written.
    pub fn install(
        &self,
        store: &Store,
        context: &Context<'_>,
        replace: Replace,
    ) -> Result<PathBuf, InstallationError> {
        let lock = store.lock().map_err(InstallationError::Store)?;
        if replace == Replace::UnlessWorse {
            self.refuse_if_worse(store, context)?;
        }
        let write = |file, text: &str| {
            let written = lock.write(file, text.as_bytes());
            written.map_err(InstallationError::Store)
        };
        // The old keys stay until the new license stands, so that there is no moment without a license that
        // verifies, but where one key has changed its algorithm.
        let mut keys = Installation::trust(store)
            .ok()
            .flatten()
            .unwrap_or_default();
        if keys.extend(self.trust).is_err() {
            keys = self.trust.clone();
        }
        write(StateFile::Trust, &jwks(&keys))?;
        let (file, other, text) = match self.bundle.canonical() {
            Canonical::File(text) => (StateFile::License, StateFile::Key, text.clone()),
            Canonical::EnterpriseKey(key) => {
                (StateFile::Key, StateFile::License, format!("{key}\n"))
            }
        };
        write(file, &text)?;
        lock.remove(other).map_err(InstallationError::Store)?;
        if keys.len() > self.trust.len() {
            write(StateFile::Trust, &jwks(self.trust))?;
        }
        Ok(store.dir().file(file))
    }

    fn refuse_if_worse(
        &self,
        store: &Store,
        context: &Context<'_>,
    ) -> Result<(), InstallationError> {
        // What is installed and damaged is what one installs anew for.
        let Some(installed) = Installation::open(store, self.matrix).ok().flatten() else {
            return Ok(());
        };
        let new = self.bundle.evaluate(self.matrix, context);
        let installed = installed.bundle.evaluate(self.matrix, context);
        if new.outcome() == Outcome::Denied && installed.outcome() != Outcome::Denied {
            let (new, installed) = (new.code(), installed.code());
            return Err(InstallationError::Worse { new, installed });
        }
        Ok(())
    }
}

fn jwks(trust: &TrustSet) -> String {
    format!("{:#}\n", trust.to_jwks())
}

/// Why an installed license can't be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum InstallationError {
    /// The state directory can't be read or written.
    Store(StoreError),
    /// There is no place where a license could be installed.
    Home(HomeError),
    /// There is a license, but there are no keys to verify it with.
    NoTrust,
    /// A license that holds would be replaced by one that does not.
    Worse {
        /// Why the new one does not hold.
        new: Code,
        /// Why the installed one holds.
        installed: Code,
    },
    /// A file is not UTF-8.
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The installed keys are damaged.
    Trust {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        source: TrustError,
    },
    /// The installed license does not verify.
    License {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BundleError,
    },
}

impl fmt::Display for InstallationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(_) => f.write_str("the state directory can't be used"),
            Self::Home(_) => f.write_str("there is no place where a license could be installed"),
            Self::NoTrust => f.write_str("a license is installed, but no keys to verify it with"),
            Self::Worse { new, installed } => write!(
                f,
                "the license does not hold now ({new}), and the installed one does ({installed}); nothing was changed"
            ),
            Self::NotText { path } => write!(f, "{}: expected text in UTF-8", path.display()),
            Self::Trust { path, .. } => {
                write!(f, "{}: the installed keys can't be used", path.display())
            }
            Self::License { path, .. } => {
                write!(
                    f,
                    "{}: the installed license does not verify",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for InstallationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(source) => Some(source),
            Self::Trust { source, .. } => Some(source),
            Self::License { source, .. } => Some(source),
            Self::Home(source) => Some(source),
            Self::NotText { .. } | Self::NoTrust | Self::Worse { .. } => None,
        }
    }
}
