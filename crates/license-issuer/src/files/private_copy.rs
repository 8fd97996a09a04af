//! Copies of databases.
//!
//! The directory of a copy may be shared with other users, who may create files and links with any
//! name. The copy is therefore written in a new directory that only its owner can enter. SQLite
//! opens the copy several times by its name, and a journal in the same directory.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{Collision, create_private, is_at, publish, sync_directory, with_suffix};

/// Writes a new file that only its owner can access. The file gets its name only when it is
/// complete and synced. `fill` writes the content into the empty file that has the given path, and
/// `io` converts the errors of the file system.
///
/// # Errors
///
/// Returns the error of `fill`, and an error of kind [`ErrorKind::AlreadyExists`] if `to` exists.
/// Returns other errors if the file cannot be written, or if the directory of the unfinished copy
/// cannot be created or removed.
pub fn write_private_copy<E>(
    to: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
    io: impl Fn(io::Error) -> E,
) -> Result<(), E> {
    let to = std::path::absolute(to).map_err(&io)?;
    let partial = PartialCopy::create(&to).map_err(&io)?;
    let copied = partial.copy(&to, fill, &io);
    let removed = partial.remove().map_err(&io);
    sync_directory(&to);
    copied.and(removed)
}

/// The directory of an unfinished copy, in the directory of the destination.
struct PartialCopy {
    directory: PathBuf,
}

impl PartialCopy {
    /// Creates the directory. If a killed process left a directory with this name, it is removed
    /// first, and so is a file with this name, which earlier versions of the program wrote.
    fn create(to: &Path) -> io::Result<Self> {
        let partial = Self {
            directory: with_suffix(to, ".partial"),
        };
        match fs::symlink_metadata(&partial.directory) {
            Ok(found) if found.is_dir() => partial.remove()?,
            Ok(_) => fs::remove_file(&partial.directory)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        // An existing directory is an error here.
        builder.create(&partial.directory)?;
        Ok(partial)
    }

    fn copy<E>(
        &self,
        to: &Path,
        fill: impl FnOnce(&Path) -> Result<(), E>,
        io: impl Fn(io::Error) -> E,
    ) -> Result<(), E> {
        let partial = self.file();
        let file = create_private(&partial).map_err(&io)?;
        fill(&partial)?;
        file.sync_all().map_err(&io)?;
        publish(&partial, to, Collision::Refuse).map_err(&io)?;
        // SQLite opened the copy by its name.
        if is_at(&file, to) {
            Ok(())
        } else {
            Err(io(io::Error::other("another process replaced the copy")))
        }
    }

    /// Returns the path of the unfinished copy.
    fn file(&self) -> PathBuf {
        self.directory.join(".keygen-copy")
    }

    /// Removes the directory with the files of an unfinished copy, but no other file.
    fn remove(&self) -> io::Result<()> {
        for file in [self.file(), with_suffix(&self.file(), "-journal")] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::remove_dir(&self.directory)
    }
}
