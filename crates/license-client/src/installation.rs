//! The license installed on this machine, and the keys that it was verified with.

use std::fmt;
use std::path::{Path, PathBuf};

use license_core::{Bundle, BundleError, Canonical, MAX_FILE_BYTES, Matrix, TrustError, TrustSet};

use crate::{StateFile, Store, StoreError};

/// What is installed, verified again just now.
#[derive(Debug)]
#[must_use]
pub struct Installation {
    bundle: Bundle,
    path: PathBuf,
}

impl Installation {
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
                let path = store.dir().file(file);
                let bundle = match Bundle::verify(&text, trust, matrix) {
                    Ok(bundle) => bundle,
                    Err(source) => return Err(InstallationError::License { path, source }),
                };
                return Ok(Some(Self { bundle, path }));
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
        let path = || store.dir().file(StateFile::Trust);
        let trust = TrustSet::parse(&text);
        trust.map(Some).map_err(|source| InstallationError::Trust {
            path: path(),
            source,
        })
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

/// Stores a verified bundle in place of what is installed, and the keys that it was verified with beside it.
/// Whatever moment the process dies at, what is found then verifies.
///
/// # Errors
/// [`InstallationError`] if the state directory can't be written.
pub fn install(
    store: &Store,
    bundle: &Bundle,
    trust: &TrustSet,
) -> Result<PathBuf, InstallationError> {
    let lock = store.lock().map_err(InstallationError::Store)?;
    let write = |file, text: &str| {
        lock.write(file, text.as_bytes())
            .map_err(InstallationError::Store)
    };
    // The old keys stay until the new license stands, so that there is no moment without a license that verifies.
    let mut both = Installation::trust(store)
        .ok()
        .flatten()
        .unwrap_or_default();
    if both.extend(trust).is_ok() && both.len() > trust.len() {
        write(StateFile::Trust, &jwks(&both))?;
    } else {
        write(StateFile::Trust, &jwks(trust))?;
    }
    let (file, other, text) = match bundle.canonical() {
        Canonical::File(text) => (StateFile::License, StateFile::Key, text.clone()),
        Canonical::EnterpriseKey(key) => (StateFile::Key, StateFile::License, format!("{key}\n")),
    };
    write(file, &text)?;
    lock.remove(other).map_err(InstallationError::Store)?;
    write(StateFile::Trust, &jwks(trust))?;
    Ok(store.dir().file(file))
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
            Self::NotText { .. } => None,
        }
    }
}
