//! The keys that a program is built with: which file is asked for, and what is compiled in.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use license_core::{MAX_FILE_BYTES, TrustError, TrustSet};

/// Names the file while the program is built.
pub(crate) const VARIABLE: &str = "CODITECT_TRUST_SET";

/// What the environment asks for.
pub(crate) enum Asked {
    /// The variable is not set.
    Nothing,
    /// A file, by its absolute path.
    File {
        path: PathBuf,
        /// Whether the variable holds a relative path, so that the folder says which file it is.
        is_relative: bool,
    },
    /// Something that names no file.
    NoFile(Refusal),
}

impl Asked {
    /// A relative path counts from the folder that the shell says Cargo was called in: a build script runs in its package's.
    pub(crate) fn new(variable: Option<OsString>, folder: Option<OsString>) -> Self {
        let Some(value) = variable else {
            return Self::Nothing;
        };
        if value.is_empty() {
            return Self::NoFile(Refusal::NoName);
        }
        let path = PathBuf::from(value);
        if path.is_absolute() {
            let is_relative = false;
            return Self::File { path, is_relative };
        }
        match folder
            .map(PathBuf::from)
            .filter(|folder| folder.is_absolute())
        {
            Some(folder) => Self::File {
                path: folder.join(path),
                is_relative: true,
            },
            None => Self::NoFile(Refusal::NoFolder { path }),
        }
    }

    /// The file, if there is one to look at.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::Nothing | Self::NoFile(_) => None,
        }
    }

    /// Whether another folder would mean another file.
    pub(crate) fn depends_on_folder(&self) -> bool {
        match self {
            Self::File { is_relative, .. } => *is_relative,
            Self::NoFile(refusal) => matches!(refusal, Refusal::NoFolder { .. }),
            Self::Nothing => false,
        }
    }

    /// What to compile in.
    pub(crate) fn embedding(self) -> Result<Embedding, Refusal> {
        match self {
            Self::Nothing => Ok(Embedding::none()),
            Self::NoFile(refusal) => Err(refusal),
            Self::File { path, .. } => Embedding::read(path),
        }
    }
}

/// What is compiled in.
pub(crate) struct Embedding {
    keys: TrustSet,
}

impl Embedding {
    /// No keys: the program takes those that it is given.
    pub(crate) fn none() -> Self {
        Self {
            keys: TrustSet::default(),
        }
    }

    fn read(path: PathBuf) -> Result<Self, Refusal> {
        let text = match read_text(&path) {
            Ok(Some(text)) => text,
            Ok(None) => return Err(Refusal::TooLarge { path }),
            Err(error) => return Err(Refusal::Unreadable { path, error }),
        };
        match TrustSet::parse(&text) {
            Ok(keys) => Ok(Self { keys }),
            Err(error) => Err(Refusal::NoTrustSet { path, error }),
        }
    }

    /// The keys as one JWK Set, or nothing at all.
    pub(crate) fn jwks(&self) -> String {
        match self.keys.is_empty() {
            true => String::new(),
            false => self.keys.to_jwks().to_string(),
        }
    }

    /// What `license --version` says after the program's name.
    pub(crate) fn version(&self, number: &str) -> String {
        let keys = self.keys.iter().map(|key| {
            let (id, algorithm, bits) = (key.id(), key.algorithm(), key.bits());
            format!("\n  {id} {algorithm} {bits} bits")
        });
        let told = match self.keys.len() {
            0 => "no keys embedded: those given with --trust or installed count".to_owned(),
            1 => "1 key embedded, and no other counts:".to_owned(),
            count => format!("{count} keys embedded, and no others count:"),
        };
        format!("{number}\n{told}{}", keys.collect::<String>())
    }
}

/// The text of a file; none if there is more of it than any trust set has.
fn read_text(path: &Path) -> io::Result<Option<String>> {
    // Nothing but a file has an end that is sure to come.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_FILE_BYTES {
        return Ok(None);
    }
    let text = String::from_utf8(bytes);
    text.map(Some)
        .map_err(|_| io::Error::other("it is not text in UTF-8"))
}

/// Why there is nothing to compile in. None of it is a reason to build a program that takes any keys.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The variable is set, and empty.
    NoName,
    /// A relative path, and nobody says from where.
    NoFolder { path: PathBuf },
    /// The file can't be read.
    Unreadable { path: PathBuf, error: io::Error },
    /// It is larger than any file with keys.
    TooLarge { path: PathBuf },
    /// It holds no keys that may be trusted.
    NoTrustSet { path: PathBuf, error: TrustError },
}

impl Refusal {
    /// What to do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::NoName => {
                "name the trust set, or unset the variable for a program without keys of its own"
            }
            Self::NoFolder { .. } => "give an absolute path",
            Self::Unreadable { .. } => {
                "a relative path counts from $PWD, where Cargo was called; an absolute one is always right"
            }
            Self::NoTrustSet {
                error: TrustError::PrivateKey,
                ..
            } => "`keygen public` writes the public half, `keygen trust` the trust set",
            Self::TooLarge { .. } | Self::NoTrustSet { .. } => {
                "`keygen trust vendor.jwk spare.jwk --out trust.jwks` writes a trust set"
            }
        }
    }
}

/// In one line, for Cargo takes no more, whatever a file is called.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VARIABLE}: ")?;
        match self {
            Self::NoName => f.write_str("expected the path of a trust set, found nothing"),
            Self::NoFolder { path } => write!(
                f,
                "expected an absolute path, since $PWD does not say from where {path:?} counts"
            ),
            Self::Unreadable { path, error } => write!(f, "cannot read {path:?}: {error}"),
            Self::TooLarge { path } => write!(
                f,
                "{path:?}: expected a trust set of at most {MAX_FILE_BYTES} bytes"
            ),
            Self::NoTrustSet { path, error } => {
                let error = error.to_string();
                write!(f, "{path:?}: {}", error.escape_debug())
            }
        }
    }
}
