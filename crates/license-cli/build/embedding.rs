//! The public keys that are embedded in the program at build time.

use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use license_core::TrustSet;
use license_core::encoding::decode_text;
use license_core::jose::MAX_FILE_BYTES;
use license_core::trust::TrustError;

/// The environment variable that names the trust set at build time.
pub(crate) const VARIABLE: &str = "CODITECT_TRUST_SET";

/// The request in the environment of the build.
pub(crate) enum EmbeddingRequest {
    /// The variable is not set.
    Nothing,
    /// A file, by its absolute path.
    File {
        path: PathBuf,
        /// Whether the variable contains a relative path, so that the file depends on the working
        /// directory.
        is_relative: bool,
    },
    /// An invalid value.
    Invalid(EmbeddingError),
}

impl EmbeddingRequest {
    /// Creates the request from the value of the variable and the directory in which Cargo was
    /// called.
    ///
    /// A relative path starts at this directory, because Cargo runs a build script in the directory
    /// of the package.
    pub(crate) fn new(variable: Option<OsString>, directory: Option<OsString>) -> Self {
        let Some(value) = variable else {
            return Self::Nothing;
        };
        if value.is_empty() {
            return Self::Invalid(EmbeddingError::EmptyVariable);
        }
        let path = PathBuf::from(value);
        if path.is_absolute() {
            let is_relative = false;
            return Self::File { path, is_relative };
        }
        let directory = directory.map(PathBuf::from);
        match directory.filter(|directory| directory.is_absolute()) {
            Some(directory) => Self::File {
                path: directory.join(path),
                is_relative: true,
            },
            None => Self::Invalid(EmbeddingError::UnknownDirectory { path }),
        }
    }

    /// Returns the path of the requested file.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::Nothing | Self::Invalid(_) => None,
        }
    }

    /// Returns whether the request depends on the directory in which Cargo was called.
    pub(crate) fn depends_on_directory(&self) -> bool {
        match self {
            Self::File { is_relative, .. } => *is_relative,
            Self::Invalid(error) => matches!(error, EmbeddingError::UnknownDirectory { .. }),
            Self::Nothing => false,
        }
    }

    /// Reads and checks the keys.
    ///
    /// # Errors
    ///
    /// Returns [`EmbeddingError`] if the variable is set and does not name a valid trust set.
    pub(crate) fn read(self) -> Result<Embedding, EmbeddingError> {
        match self {
            Self::Nothing => Ok(Embedding::none()),
            Self::Invalid(error) => Err(error),
            Self::File { path, .. } => Embedding::read(path),
        }
    }
}

/// The keys to embed.
pub(crate) struct Embedding {
    keys: TrustSet,
}

impl Embedding {
    /// Returns an embedding without keys. The program then accepts given and installed keys.
    pub(crate) fn none() -> Self {
        Self {
            keys: TrustSet::default(),
        }
    }

    fn read(path: PathBuf) -> Result<Self, EmbeddingError> {
        let text = match read_text(&path) {
            Ok(Some(text)) => text,
            Ok(None) => return Err(EmbeddingError::TooLarge { path }),
            Err(source) => return Err(EmbeddingError::Unreadable { path, source }),
        };
        match TrustSet::parse(&text) {
            Ok(keys) => Ok(Self { keys }),
            Err(source) => Err(EmbeddingError::InvalidTrustSet { path, source }),
        }
    }

    /// Returns the keys as a JWK Set, or an empty text without keys.
    pub(crate) fn jwks(&self) -> String {
        if self.keys.is_empty() {
            String::new()
        } else {
            self.keys.to_jwks().to_string()
        }
    }

    /// Returns what `license --version` prints after the name of the program.
    pub(crate) fn version(&self, number: &str) -> String {
        let keys = self.keys.iter().map(|key| {
            let (id, algorithm, bits) = (key.id(), key.algorithm(), key.bits());
            format!("\n  {id} {algorithm} {bits} bits")
        });
        let summary = match self.keys.len() {
            0 => "no embedded keys; keys from --trust and installed keys are accepted".to_owned(),
            1 => "1 embedded key; no other key is accepted:".to_owned(),
            count => format!("{count} embedded keys; no other key is accepted:"),
        };
        format!("{number}\n{summary}{}", keys.collect::<String>())
    }
}

/// Reads the text of a file. Returns `None` if the file is too large for a trust set.
fn read_text(path: &Path) -> io::Result<Option<String>> {
    // A device or a pipe may never end.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_FILE_BYTES {
        return Ok(None);
    }
    decode_text(bytes).map(Some).map_err(io::Error::other)
}

/// An error that prevents the embedding of keys.
///
/// Each error fails the build, so that a program without embedded keys is never built by mistake.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmbeddingError {
    /// The variable is set and empty.
    #[error("{VARIABLE}: expected the path of a trust set, found nothing")]
    EmptyVariable,
    /// The path is relative, and the working directory is unknown.
    #[error(
        "{VARIABLE}: expected an absolute path, found {path:?} without a working directory in $PWD"
    )]
    UnknownDirectory { path: PathBuf },
    /// The file cannot be read.
    #[error("{VARIABLE}: cannot read {path:?}")]
    Unreadable { path: PathBuf, source: io::Error },
    /// The file is too large for a trust set.
    #[error("{VARIABLE}: {path:?}: expected a trust set of at most {MAX_FILE_BYTES} bytes")]
    TooLarge { path: PathBuf },
    /// The file contains no valid public keys.
    #[error("{VARIABLE}: expected a trust set in {path:?}")]
    InvalidTrustSet { path: PathBuf, source: TrustError },
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
            Self::EmptyVariable => {
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
            Self::TooLarge { .. } | Self::InvalidTrustSet { .. } => {
                "write a trust set with `keygen trust vendor.jwk spare.jwk --out trust.jwks`"
            }
        }
    }
}
