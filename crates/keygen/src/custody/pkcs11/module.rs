//! The module: the library by which programs talk to a token.

use std::env::consts::{ARCH, DLL_PREFIX, DLL_SUFFIX};
use std::fs::File;
use std::path::{Path, PathBuf};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use license_terminal::{Exit, Failure, escape, show_path};

use super::Uri;
use super::refused;

/// What the URI does not say.
const VARIABLE: &str = "KEYGEN_PKCS11_MODULE";

/// A module in use; it is told when that ends.
pub(super) struct Module(Pkcs11);

impl Module {
    /// Loads the module that the URI or the environment names.
    pub(super) fn load(uri: &Uri) -> Result<Self, Failure> {
        let path = path(uri)?;
        // The loader's own words for a file that is not there or not readable are many and vary.
        if path.components().count() > 1 {
            File::open(&path).map_err(|error| Failure::io("load", &path, &error))?;
        }
        let pkcs11 = Pkcs11::new(&path).map_err(|error| no_module(&path, &error))?;
        let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        match pkcs11.initialize(arguments) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(Self(pkcs11)),
            Err(error) => Err(refused("start", &error)
                .hint(format!("check the configuration of {}", show_path(&path)))),
        }
    }

    pub(super) fn pkcs11(&self) -> &Pkcs11 {
        &self.0
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // Nobody is left to be told that it failed.
        let _ = self.0.clone().finalize();
    }
}

/// RFC 7512 section 2.3: `module-path` is a file, or the directory of `module-name`.
fn path(uri: &Uri) -> Result<PathBuf, Failure> {
    let variable = || std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    match (uri.text("module-path"), uri.text("module-name")) {
        (Some(path), None) => Ok(path.into()),
        (Some(folder), Some(name)) => named(name, &[folder.into()]),
        (None, Some(name)) => named(name, &folders()),
        (None, None) => variable().map(PathBuf::from).ok_or_else(|| {
            Failure::usage("expected the path of the token's PKCS#11 module, found none").hint(
                format!("add ?module-path=/PATH to the pkcs11 URI, or set {VARIABLE}"),
            )
        }),
    }
}

/// A name without `lib` and `.so`, as the RFC has it, or with them.
fn named(name: &str, folders: &[PathBuf]) -> Result<PathBuf, Failure> {
    let plain = !name.is_empty() && !name.contains(['/', '\\']);
    let files = [
        format!("{DLL_PREFIX}{name}{DLL_SUFFIX}"),
        format!("{name}{DLL_SUFFIX}"),
        name.to_owned(),
    ];
    folders
        .iter()
        .flat_map(|folder| files.iter().map(move |file| folder.join(file)))
        .find(|path| plain && path.is_file())
        .ok_or_else(|| {
            let message = format!("no PKCS#11 module `{}` found", escape(name));
            Failure::new(Exit::Machine, "PKCS11", message)
                .hint(format!("give its path: ?module-path=/PATH, or {VARIABLE}"))
        })
}

/// Where the distributions keep modules.
fn folders() -> Vec<PathBuf> {
    let roots = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/opt/homebrew/lib",
    ]
    .map(PathBuf::from);
    let multiarch = Path::new("/usr/lib").join(format!("{ARCH}-linux-gnu"));
    let roots = roots.into_iter().chain([multiarch]);
    let folders = roots.flat_map(|root| ["pkcs11", "softhsm", ""].map(|folder| root.join(folder)));
    folders.collect()
}

fn no_module(path: &Path, error: &Error) -> Failure {
    let why = match error {
        Error::LibraryLoading(error) => error.to_string(),
        Error::MissingSymbol(name) => format!("it has no {name}"),
        other => other.to_string(),
    };
    let why = why.replace('\n', " ");
    let message = format!("{} is no PKCS#11 module: {}", show_path(path), escape(&why));
    Failure::new(Exit::Machine, "PKCS11", message)
        .hint("give the path of the library that the token's maker calls its PKCS#11 module")
}
