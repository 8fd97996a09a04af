//! PKCS#11 modules: the libraries that give programs access to tokens.

use std::env::consts::{ARCH, DLL_PREFIX, DLL_SUFFIX};
use std::fs::File;
use std::path::{Path, PathBuf};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};

use super::error::Pkcs11Error;
use super::uri::Pkcs11Uri;

/// An initialized module. It is finalized when it is dropped.
pub(super) struct Module(Pkcs11);

impl Module {
    /// Loads the module that the URI names, or else `default`.
    pub(super) fn load(uri: &Pkcs11Uri, default: Option<&Path>) -> Result<Self, Pkcs11Error> {
        let path = path(uri, default)?;
        // The file is opened here, because the loader's messages about files that cannot be read
        // differ between systems.
        if path.components().count() > 1 {
            File::open(&path).map_err(|source| Pkcs11Error::ModuleFile {
                path: path.clone(),
                source,
            })?;
        }
        let pkcs11 = Pkcs11::new(&path).map_err(|error| Pkcs11Error::NotAModule {
            path: path.clone(),
            source: error.into(),
        })?;
        let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        match pkcs11.initialize(arguments) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(Self(pkcs11)),
            Err(error) => Err(Pkcs11Error::ModuleStart {
                path,
                source: error.into(),
            }),
        }
    }

    pub(super) fn pkcs11(&self) -> &Pkcs11 {
        &self.0
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // A failure cannot be reported from here.
        let _ = self.0.clone().finalize();
    }
}

/// Returns the path of the module. `module-path` is a file, or the directory of `module-name` (RFC
/// 7512 section 2.3).
fn path(uri: &Pkcs11Uri, default: Option<&Path>) -> Result<PathBuf, Pkcs11Error> {
    match (uri.text("module-path"), uri.text("module-name")) {
        (Some(path), None) => Ok(path.into()),
        (Some(directory), Some(name)) => find(name, &[directory.into()]),
        (None, Some(name)) => find(name, &directories()),
        (None, None) => default.map(Path::to_owned).ok_or(Pkcs11Error::NoModulePath),
    }
}

/// Finds a module by its name, with or without the prefix and suffix of libraries.
fn find(name: &str, directories: &[PathBuf]) -> Result<PathBuf, Pkcs11Error> {
    let is_name = !name.is_empty() && !name.contains(['/', '\\']);
    let files = [
        format!("{DLL_PREFIX}{name}{DLL_SUFFIX}"),
        format!("{name}{DLL_SUFFIX}"),
        name.to_owned(),
    ];
    directories
        .iter()
        .flat_map(|directory| files.iter().map(move |file| directory.join(file)))
        .find(|path| is_name && path.is_file())
        .ok_or_else(|| Pkcs11Error::ModuleNotFound(name.to_owned()))
}

/// Returns the directories where distributions install modules.
fn directories() -> Vec<PathBuf> {
    let roots = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/opt/homebrew/lib",
    ]
    .map(PathBuf::from);
    let multiarch = Path::new("/usr/lib").join(format!("{ARCH}-linux-gnu"));
    roots
        .into_iter()
        .chain([multiarch])
        .flat_map(|root| ["pkcs11", "softhsm", ""].map(|directory| root.join(directory)))
        .collect()
}
