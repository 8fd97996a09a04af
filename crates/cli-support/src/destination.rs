//! Output to a file or to standard output. Existing files are not overwritten by default.

use crate::escape::show_path;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{ignore_broken_pipe, write_stdout};
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use tempfile::{NamedTempFile, PersistError};

/// The destination of output: a file, or standard output, written `-`.
///
/// ```
/// use license_cli_support::{Audience, Destination, Overwrite};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let directory = tempfile::tempdir()?;
/// let file = Destination::File(directory.path().join("acme.lic"));
/// file.write(b"first", Overwrite::Refuse, Audience::Everyone)?;
///
/// let refused = file.write(b"second", Overwrite::Refuse, Audience::Everyone);
/// assert_eq!(refused.unwrap_err().code(), "EXISTS");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// A file. `/dev/stdout` and `/dev/fd/N` are streams.
    File(PathBuf),
}

/// The options for output to a file. Use `#[command(flatten)]` to add them to a command.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
// Prevents clap from using the sentence above as the description of the command.
#[command(about = None, long_about = None)]
pub struct OutputFile {
    /// Output file; - for standard output [default: -]
    #[arg(
        long,
        value_name = "FILE",
        default_value = "-",
        hide_default_value = true
    )]
    pub out: Destination,
    /// Replace an existing file
    #[arg(long)]
    pub force: bool,
}

impl OutputFile {
    /// Returns the treatment of an existing file.
    #[must_use]
    pub fn overwrite(&self) -> Overwrite {
        Overwrite::from_force(self.force)
    }

    /// Checks that [`write`](Self::write) can succeed. Programs call this before they do long work.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Destination::check`].
    pub fn check(&self) -> Result<(), Failure> {
        self.out.check(self.overwrite())
    }

    /// Writes all of `bytes`, or nothing.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Destination::write`].
    pub fn write(&self, bytes: &[u8], audience: Audience) -> Result<(), Failure> {
        self.out.write(bytes, self.overwrite(), audience)
    }

    /// Returns the path of the file, or `None` for standard output.
    #[must_use]
    pub fn path(&self) -> Option<String> {
        match &self.out {
            Destination::File(_) => Some(self.out.to_string()),
            Destination::Stdout => None,
        }
    }
}

/// The treatment of an existing file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// The file stays, and the write fails.
    #[default]
    Refuse,
    /// The file is replaced atomically.
    Force,
}

impl Overwrite {
    /// Returns the meaning of a `--force` flag.
    #[must_use]
    pub fn from_force(force: bool) -> Self {
        if force { Self::Force } else { Self::Refuse }
    }
}

/// The users who may read the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// All users whom the umask allows.
    Everyone,
    /// All users (mode 0644), whatever the umask is, such as for a service that reads the file.
    AllUsers,
    /// Only the owner of the file (mode 0600). The output is never written to a terminal.
    OwnerOnly,
}

impl Destination {
    /// Writes all of `bytes`, or nothing: an error leaves no incomplete file at the destination.
    ///
    /// A symbolic link is neither followed nor replaced.
    ///
    /// # Errors
    ///
    /// Returns `EXISTS` if the path exists and must not be replaced, `USAGE` if a secret would be
    /// written to a terminal or a symbolic link would be replaced, and `IO` if the file cannot be
    /// written.
    pub fn write(
        &self,
        bytes: &[u8],
        overwrite: Overwrite,
        audience: Audience,
    ) -> Result<(), Failure> {
        match self {
            Self::Stdout => {
                refuse_terminal(io::stdout().is_terminal(), audience)?;
                write_stdout(bytes)
            }
            Self::File(path) if is_stream(path) => write_stream(path, bytes, audience),
            Self::File(path) => write_file(path, bytes, overwrite, audience),
        }
    }

    /// Returns whether the destination is standard output or another stream. Output to a stream
    /// cannot be undone.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        match self {
            Self::Stdout => true,
            Self::File(path) => is_stream(path),
        }
    }

    /// Checks that [`write`](Self::write) can succeed. Programs call this before they do long work.
    ///
    /// # Errors
    ///
    /// Returns `EXISTS` if the path exists and must not be replaced, and `IO` if its directory does
    /// not exist.
    pub fn check(&self, overwrite: Overwrite) -> Result<(), Failure> {
        let Self::File(path) = self else {
            return Ok(());
        };
        if !is_stream(path) && path.symlink_metadata().is_ok() {
            return match overwrite {
                Overwrite::Refuse => Err(exists(path)),
                Overwrite::Force => Ok(()),
            };
        }
        match directory_of(path).metadata() {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::io("write", path, &error)),
        }
    }
}

impl From<OsString> for Destination {
    fn from(argument: OsString) -> Self {
        if argument == "-" {
            Self::Stdout
        } else {
            Self::File(argument.into())
        }
    }
}

impl From<&str> for Destination {
    fn from(argument: &str) -> Self {
        Self::from(OsString::from(argument))
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => formatter.write_str("standard output"),
            Self::File(path) => formatter.write_str(&show_path(path)),
        }
    }
}

fn refuse_terminal(terminal: bool, audience: Audience) -> Result<(), Failure> {
    if audience == Audience::OwnerOnly && terminal {
        return Err(Failure::usage("refusing to write a secret to a terminal")
            .hint("write to a file or a pipe"));
    }
    Ok(())
}

/// Returns whether a path is a stream.
///
/// Only the system's names of descriptors and devices can be streams, because another user may have
/// left a pipe in a shared directory.
#[cfg(unix)]
fn is_stream(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let system = ["/dev", "/dev/fd", "/proc/self/fd"].map(|name| Some(Path::new(name)));
    let stream = || fs::metadata(path).map(|found| found.file_type());
    system.contains(&path.parent())
        && stream().is_ok_and(|kind| kind.is_fifo() || kind.is_char_device())
}

#[cfg(not(unix))]
fn is_stream(_: &Path) -> bool {
    false
}

fn write_stream(path: &Path, bytes: &[u8], audience: Audience) -> Result<(), Failure> {
    let failed = |error| Failure::io("write", path, &error);
    let mut stream = OpenOptions::new().write(true).open(path).map_err(failed)?;
    refuse_terminal(stream.is_terminal(), audience)?;
    ignore_broken_pipe(stream.write_all(bytes))
}

fn write_file(
    path: &Path,
    bytes: &[u8],
    overwrite: Overwrite,
    audience: Audience,
) -> Result<(), Failure> {
    refuse_existing(path, overwrite)?;
    let directory = directory_of(path);
    let failed = |error: io::Error| Failure::io("write", path, &error);
    let complete = write_temporary(directory, bytes, audience).map_err(failed)?;
    match overwrite {
        Overwrite::Force => persisted(complete.persist(path)).map_err(failed)?,
        Overwrite::Refuse => place_new(complete, path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => exists(path),
            _ => failed(error),
        })?,
    }
    sync_directory(directory);
    Ok(())
}

/// Fails early with a clear message. The guarantee that no file is overwritten does not depend on
/// this check.
fn refuse_existing(path: &Path, overwrite: Overwrite) -> Result<(), Failure> {
    match (fs::symlink_metadata(path), overwrite) {
        (Err(_), _) => Ok(()),
        (Ok(_), Overwrite::Refuse) => Err(exists(path)),
        (Ok(found), Overwrite::Force) if found.is_symlink() => Err(symbolic_link(path)),
        (Ok(_), Overwrite::Force) => Ok(()),
    }
}

fn exists(path: &Path) -> Failure {
    let message = format!("{} already exists", show_path(path));
    Failure::new(Exit::Usage, "EXISTS", message)
        .hint("choose another name, or add --force to replace the file")
}

fn symbolic_link(path: &Path) -> Failure {
    let message = format!("{} is a symbolic link and is not replaced", show_path(path));
    Failure::usage(message).hint("use the path of the target file, or - for standard output")
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Writes the bytes to a temporary file in the directory of the destination.
fn write_temporary(
    directory: &Path,
    bytes: &[u8],
    audience: Audience,
) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode(audience)));
    let mut file = builder.tempfile_in(directory)?;
    #[cfg(unix)]
    if audience == Audience::AllUsers {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode(audience));
        file.as_file().set_permissions(permissions)?;
    }
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Returns the mode of a new file, to which the umask applies.
#[cfg(unix)]
fn mode(audience: Audience) -> u32 {
    match audience {
        Audience::Everyone => 0o666,
        Audience::AllUsers => 0o644,
        Audience::OwnerOnly => 0o600,
    }
}

/// Renames the complete file to a path that must not exist.
fn place_new(complete: NamedTempFile, path: &Path) -> io::Result<()> {
    match complete.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => Err(refused.error),
        Err(unable) => claim_and_replace(unable.file, path),
    }
}

/// Creates a file on a file system that has neither hard links nor a rename that fails for an
/// existing name (FAT, some network shares).
///
/// First creates an empty file, which only one process can do, and then replaces this empty file.
fn claim_and_replace(complete: NamedTempFile, path: &Path) -> io::Result<()> {
    drop(OpenOptions::new().write(true).create_new(true).open(path)?);
    persisted(complete.persist(path)).inspect_err(|_| {
        // The first error is reported.
        let _ = fs::remove_file(path);
    })
}

fn persisted(result: Result<File, PersistError>) -> io::Result<()> {
    match result {
        Ok(_) => Ok(()),
        Err(failed) => Err(failed.error),
    }
}

/// Makes the name of a complete file durable. Errors are ignored, because some file systems cannot
/// sync a directory.
fn sync_directory(directory: &Path) {
    if cfg!(unix) {
        let _ = File::open(directory).and_then(|opened| opened.sync_all());
    }
}

#[cfg(test)]
mod tests;
