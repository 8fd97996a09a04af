//! Delivery of artifacts into files and streams.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use license_core::jose::MAX_FILE_BYTES;

use crate::errors::DeliveryError;
use crate::files::{self, Collision, Durability};

/// The destination of an artifact.
///
/// ```
/// use license_issuer::delivery::ArtifactDestination;
/// use license_issuer::files::Collision;
/// use std::path::Path;
///
/// let path = Path::new("/orders/acme.lic");
/// let destination = ArtifactDestination::file(path, "4711", Collision::Refuse);
/// assert_eq!(destination.path(), Some(path));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArtifactDestination {
    /// Standard output, a device, or the body of a response.
    Stream,
    /// A file.
    File {
        /// The final path.
        path: PathBuf,
        /// The path of the staging file, in the same directory.
        staging: PathBuf,
        /// The treatment of a file that already has the final path.
        collision: Collision,
    },
}

impl ArtifactDestination {
    /// Returns the destination for a file at `path`. The name of the staging file contains
    /// `staging_id`.
    ///
    /// ```
    /// use license_issuer::delivery::ArtifactDestination;
    /// use license_issuer::files::{Collision, staging_path};
    /// use std::path::Path;
    ///
    /// let path = Path::new("/orders/acme.lic");
    /// let expected = ArtifactDestination::File {
    ///     path: path.to_owned(),
    ///     staging: staging_path(path, "4711"),
    ///     collision: Collision::Replace,
    /// };
    /// assert_eq!(ArtifactDestination::file(path, "4711", Collision::Replace), expected);
    /// ```
    pub fn file(path: &Path, staging_id: &str, collision: Collision) -> Self {
        Self::File {
            path: path.to_owned(),
            staging: files::staging_path(path, staging_id),
            collision,
        }
    }

    /// Returns the final path of a file, or `None` for a stream.
    ///
    /// ```
    /// use license_issuer::delivery::ArtifactDestination;
    ///
    /// assert_eq!(ArtifactDestination::Stream.path(), None);
    /// ```
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Stream => None,
            Self::File { path, .. } => Some(path),
        }
    }
}

/// The result of [`Delivery::discard`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discarded {
    /// No one has received the artifact.
    Removed,
    /// Someone may have received the artifact, or its staging file cannot be reached.
    MaybeDelivered,
}

/// A way to deliver artifacts.
pub trait Delivery {
    /// Checks that an artifact can be delivered, and changes nothing.
    ///
    /// # Errors
    ///
    /// Returns an error if the destination exists or cannot be written.
    fn check(&self, destination: &ArtifactDestination) -> Result<(), DeliveryError>;

    /// Writes the artifact to its staging file, or into the stream.
    ///
    /// # Errors
    ///
    /// Returns an error if the artifact may be incomplete.
    fn stage(
        &mut self,
        destination: &ArtifactDestination,
        content: &[u8],
    ) -> Result<(), DeliveryError>;

    /// Renames the staging file.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be renamed.
    fn publish(&mut self, destination: &ArtifactDestination) -> Result<(), DeliveryError>;

    /// Deletes the staging file, if it exists.
    fn discard(&mut self, destination: &ArtifactDestination) -> Discarded;
}

/// Delivers into files.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileDelivery {
    durability: Durability,
}

impl FileDelivery {
    /// Creates a delivery with this durability.
    pub fn new(durability: Durability) -> Self {
        Self { durability }
    }
}

impl Delivery for FileDelivery {
    fn check(&self, destination: &ArtifactDestination) -> Result<(), DeliveryError> {
        match destination {
            ArtifactDestination::Stream => Ok(()),
            ArtifactDestination::File {
                path, collision, ..
            } => check_file(path, *collision),
        }
    }

    fn stage(
        &mut self,
        destination: &ArtifactDestination,
        content: &[u8],
    ) -> Result<(), DeliveryError> {
        match destination {
            ArtifactDestination::Stream => Ok(()),
            ArtifactDestination::File { path, staging, .. } => {
                let staged = files::stage(staging, content, self.durability);
                staged.map_err(|source| DeliveryError::Write {
                    path: path.clone(),
                    source,
                })
            }
        }
    }

    fn publish(&mut self, destination: &ArtifactDestination) -> Result<(), DeliveryError> {
        let ArtifactDestination::File {
            path,
            staging,
            collision,
        } = destination
        else {
            return Ok(());
        };
        let published = files::publish(staging, path, *collision);
        published.map_err(|source| DeliveryError::Publish {
            staging: staging.clone(),
            path: path.clone(),
            source,
        })?;
        if self.durability == Durability::Synced {
            files::sync_directory(path);
        }
        Ok(())
    }

    fn discard(&mut self, destination: &ArtifactDestination) -> Discarded {
        match destination {
            ArtifactDestination::Stream => Discarded::MaybeDelivered,
            ArtifactDestination::File { staging, .. } => match files::discard(staging) {
                Ok(()) => Discarded::Removed,
                Err(_) => Discarded::MaybeDelivered,
            },
        }
    }
}

/// Delivers into a stream that is opened when the artifact is complete.
pub struct StreamDelivery<'w> {
    name: PathBuf,
    open: Box<dyn FnMut() -> io::Result<Box<dyn Write>> + 'w>,
}

impl StreamDelivery<'static> {
    /// Delivers to standard output.
    pub fn stdout() -> Self {
        Self::new(Path::new("standard output"), || Ok(Box::new(io::stdout())))
    }

    /// Delivers to a device or pipe that has a path, such as `/dev/fd/3`.
    pub fn device(path: &Path) -> Self {
        let device = path.to_owned();
        let open = move || {
            let opened = fs::OpenOptions::new().write(true).open(&device)?;
            let stream: Box<dyn Write> = Box::new(opened);
            Ok(stream)
        };
        Self::new(path, open)
    }
}

impl<'w> StreamDelivery<'w> {
    /// Delivers into the stream that `open` opens. Errors contain `name`.
    pub fn new(name: &Path, open: impl FnMut() -> io::Result<Box<dyn Write>> + 'w) -> Self {
        Self {
            name: name.to_owned(),
            open: Box::new(open),
        }
    }
}

impl Delivery for StreamDelivery<'_> {
    fn check(&self, _: &ArtifactDestination) -> Result<(), DeliveryError> {
        Ok(())
    }

    /// Writes the artifact. A closed pipe is not an error, because its reader needs no more data.
    fn stage(&mut self, _: &ArtifactDestination, content: &[u8]) -> Result<(), DeliveryError> {
        let written = (self.open)().and_then(|mut stream| {
            stream.write_all(content)?;
            stream.flush()
        });
        match written {
            Err(source) if source.kind() != ErrorKind::BrokenPipe => Err(DeliveryError::Write {
                path: self.name.clone(),
                source,
            }),
            _ => Ok(()),
        }
    }

    fn publish(&mut self, _: &ArtifactDestination) -> Result<(), DeliveryError> {
        Ok(())
    }

    fn discard(&mut self, _: &ArtifactDestination) -> Discarded {
        Discarded::MaybeDelivered
    }
}

/// Checks that an artifact can be delivered to a path.
///
/// # Errors
///
/// Returns an error if the path exists and must not be replaced, if it is a symbolic link, a
/// directory or a private key, or if its directory does not exist.
pub fn check_file(path: &Path, collision: Collision) -> Result<(), DeliveryError> {
    let found = path.symlink_metadata();
    match (&found, collision) {
        (Ok(_), Collision::Refuse) => {
            return Err(DeliveryError::Exists(path.to_owned()));
        }
        (Ok(_), Collision::Replace) => {}
        (Err(_), _) => check_directory(path)?,
    }
    if contains_private_key(path) {
        return Err(DeliveryError::PrivateKey(path.to_owned()));
    }
    let invalid_name = |source: io::Error| DeliveryError::Name {
        path: path.to_owned(),
        source,
    };
    match found {
        Ok(found) if found.is_symlink() => Err(DeliveryError::SymbolicLink(path.to_owned())),
        Ok(found) if found.is_dir() => Err(invalid_name(ErrorKind::IsADirectory.into())),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(invalid_name(error)),
        Err(_) if path.to_string_lossy().ends_with(std::path::is_separator) => {
            Err(invalid_name(ErrorKind::NotADirectory.into()))
        }
        _ => Ok(()),
    }
}

fn check_directory(path: &Path) -> Result<(), DeliveryError> {
    let found = files::directory_of(path).metadata();
    found.map(drop).map_err(|source| DeliveryError::Write {
        path: path.to_owned(),
        source,
    })
}

fn contains_private_key(path: &Path) -> bool {
    const LABEL: &[u8] = b"PRIVATE KEY-";
    let is_small = |found: fs::Metadata| {
        found.is_file() && usize::try_from(found.len()).is_ok_and(|length| length <= MAX_FILE_BYTES)
    };
    fs::metadata(path).is_ok_and(is_small)
        && fs::read(path)
            .is_ok_and(|content| content.windows(LABEL.len()).any(|window| window == LABEL))
}
