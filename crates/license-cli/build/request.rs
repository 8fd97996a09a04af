//! The files that the environment of the build names.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use license_core::encoding::decode_text;
use license_core::jose::MAX_FILE_BYTES;

use super::EmbeddingError;

/// A file to embed.
pub(crate) struct EmbeddedText {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// The request for a file in the environment of the build.
pub(crate) enum EmbeddingRequest {
    /// The variable is not set.
    Nothing,
    /// A file, by its absolute path.
    File {
        variable: &'static str,
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
    pub(crate) fn new(
        variable: &'static str,
        value: Option<OsString>,
        directory: Option<OsString>,
    ) -> Self {
        let Some(value) = value else {
            return Self::Nothing;
        };
        if value.is_empty() {
            return Self::Invalid(EmbeddingError::EmptyVariable { variable });
        }
        let path = PathBuf::from(value);
        if path.is_absolute() {
            let is_relative = false;
            return Self::File {
                variable,
                path,
                is_relative,
            };
        }
        let directory = directory.map(PathBuf::from);
        match directory.filter(|directory| directory.is_absolute()) {
            Some(directory) => Self::File {
                variable,
                path: directory.join(path),
                is_relative: true,
            },
            None => Self::Invalid(EmbeddingError::UnknownDirectory { variable, path }),
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

    /// Reads the requested file.
    ///
    /// # Errors
    ///
    /// Returns [`EmbeddingError`] if the variable is set and does not name a text file of a
    /// permitted size.
    pub(crate) fn read(self) -> Result<Option<EmbeddedText>, EmbeddingError> {
        let (variable, path) = match self {
            Self::Nothing => return Ok(None),
            Self::Invalid(error) => return Err(error),
            Self::File { variable, path, .. } => (variable, path),
        };
        match read_text(&path) {
            Ok(Some(text)) => Ok(Some(EmbeddedText { path, text })),
            Ok(None) => Err(EmbeddingError::TooLarge { variable, path }),
            Err(source) => Err(EmbeddingError::Unreadable {
                variable,
                path,
                source,
            }),
        }
    }
}

/// Reads the text of a file. Returns `None` if the file is too large to be embedded.
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
