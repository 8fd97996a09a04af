//! Errors of the embedding.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use license_core::jose::MAX_FILE_BYTES;
use license_core::matrix::ProductFileError;
use license_core::trust::TrustError;

use super::{MAX_PROGRAM, PRODUCT_FILE, PROGRAM, RETIRED, TRUST_SET};

/// An error that prevents the embedding.
///
/// Each error fails the build, so that a program without embedded keys or with another product is
/// never built by mistake.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmbeddingError {
    /// The variable is set and empty.
    #[error(
        "{variable}: expected the path of {}, found nothing",
        content(variable)
    )]
    EmptyVariable { variable: &'static str },
    /// The path is relative, and the working directory is unknown.
    #[error(
        "{variable}: expected an absolute path, found {path:?} without a working directory in $PWD"
    )]
    UnknownDirectory {
        variable: &'static str,
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("{variable}: cannot read {path:?}")]
    Unreadable {
        variable: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The file is too large.
    #[error(
        "{variable}: {path:?}: expected {} of at most {MAX_FILE_BYTES} bytes",
        content(variable)
    )]
    TooLarge {
        variable: &'static str,
        path: PathBuf,
    },
    /// The file contains no valid public keys.
    #[error("{TRUST_SET}: expected a trust set in {path:?}")]
    InvalidTrustSet { path: PathBuf, source: TrustError },
    /// The file is not a valid product file.
    #[error("{PRODUCT_FILE}: expected a product file in {path:?}")]
    InvalidProduct {
        path: PathBuf,
        source: ProductFileError,
    },
    /// The name of the program is not valid. It is not repeated, because it may be another value in
    /// the wrong place.
    #[error(
        "{PROGRAM}: expected a name of 1 to {MAX_PROGRAM} characters of a-z, A-Z, 0-9, `-`, `_` and `.`, starting with a letter or digit, without .exe"
    )]
    InvalidProgram,
    /// The earlier variable is set.
    #[error("{RETIRED}: expected {TRUST_SET}, which replaces this variable")]
    RetiredVariable,
}

/// Describes the content of the file that a variable names.
fn content(variable: &str) -> &'static str {
    if variable == PRODUCT_FILE {
        "a product file"
    } else {
        "a trust set"
    }
}

impl EmbeddingError {
    /// Returns the error and its causes in one line, as Cargo requires.
    pub(crate) fn line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            line = format!("{line}: {}", text.escape_debug());
            cause = error.source();
        }
        line
    }

    /// Returns the hint: what the user can do.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::EmptyVariable { variable } if *variable == PRODUCT_FILE => {
                "set the variable to the path of a product file, or unset the variable for a program with the built-in product"
            }
            Self::EmptyVariable { .. } => {
                "set the variable to the path of a trust set, or unset the variable for a program without embedded keys"
            }
            Self::UnknownDirectory { .. } => "use an absolute path",
            Self::Unreadable { .. } => {
                "check the path; a relative path starts at $PWD, the directory in which Cargo was called"
            }
            Self::InvalidTrustSet {
                source: TrustError::PrivateKey,
                ..
            } => {
                "use public keys only: `keygen public` writes a public key, and `keygen trust` writes a trust set"
            }
            Self::TooLarge { variable, .. } if *variable == PRODUCT_FILE => {
                "write a product file with `keygen product init CODE --out product.toml`"
            }
            Self::TooLarge { .. } | Self::InvalidTrustSet { .. } => {
                "write a trust set with `keygen trust vendor.jwk spare.jwk --out trust.jwks`"
            }
            Self::InvalidProduct { .. } => "check the file with `keygen product check FILE`",
            Self::InvalidProgram => {
                "set the variable to a name such as photon-license, or unset the variable for the name license"
            }
            Self::RetiredVariable => "rename the variable to LICENSE_TRUST_SET",
        }
    }
}
