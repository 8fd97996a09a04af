//! Files under a passing name: `.keygen-…` in the folder where they get their own name once they are entered.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The passing name of a file.
pub(super) fn name(path: &Path, id: &str) -> PathBuf {
    folder(path).join(format!(".keygen-{id}"))
}

/// Writes all of it, so that it survives a power cut.
pub(crate) fn write(passing: &Path, content: &str) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(passing)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    sync(passing);
    Ok(())
}

/// Gives a file its own name, unless it has it or was taken away since. What has that name already is another's: it stays, and so does
/// the passing name, unless it was to be replaced.
pub(super) fn finish(passing: &Path, path: &Path, replaces: bool) -> io::Result<()> {
    let named = give_name(passing, path, replaces);
    sync(path);
    named
}

/// The same for many files, whose folder need not outlive a power cut: the ledger can write them again.
pub(crate) fn give_name(passing: &Path, path: &Path, replaces: bool) -> io::Result<()> {
    let named = match replaces {
        true => fs::rename(passing, path),
        false => match fs::hard_link(passing, path) {
            Ok(()) => fs::remove_file(passing),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                match is_same(passing, path) {
                    true => fs::remove_file(passing),
                    false => Ok(()),
                }
            }
            // Where there are no hard links.
            Err(error) if error.kind() != ErrorKind::NotFound && !path.exists() => {
                fs::rename(passing, path)
            }
            refused => refused,
        },
    };
    gone_is_done(named, passing)
}

/// Removes it, unless somebody has.
///
/// # Errors
/// Also if nobody can tell whether it is there, as without the disk that it was written to.
pub(crate) fn remove(passing: &Path) -> io::Result<()> {
    gone_is_done(fs::remove_file(passing), passing)
}

/// Makes a new name in the folder of this file survive a power cut, where the file system can be asked.
pub(crate) fn sync(path: &Path) {
    if cfg!(unix) {
        let _ = File::open(folder(path)).and_then(|folder| folder.sync_all());
    }
}

fn gone_is_done(done: io::Result<()>, passing: &Path) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound && folder(passing).is_dir() => Ok(()),
        done => done,
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (fs::read(one), fs::read(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
