//! Whether something could be entered, found out without making or changing anything.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::schema::{self, Version};
use super::{Ledger, LedgerError, PATIENCE, with_suffix};

impl Ledger {
    /// Refuses what [`Ledger::open`] and the desk would refuse, as far as that shows without writing. What is there already can be looked
    /// into; none if it is still to be made.
    pub(crate) fn rehearse(path: &Path) -> Result<Option<Self>, LedgerError> {
        match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return can_be_made(path).map(|()| None);
            }
            Err(error) => return Err(LedgerError::Io(error)),
            Ok(found) if !found.is_file() => return Err(LedgerError::NotALedger),
            Ok(_) => {}
        }
        let lock = with_suffix(&path.canonicalize().map_err(LedgerError::Io)?, ".lock");
        for file in [path, lock.as_path()] {
            can_be_written(file).map_err(LedgerError::Io)?;
        }
        let db = view(path)?;
        // Of older versions nothing is missing but indexes, which minting makes.
        if schema::version(&db)? == Version::Empty {
            return Ok(None);
        }
        // What minting begins with; a damaged database shows itself here.
        let read = "SELECT (SELECT serial FROM head), (SELECT count(*) FROM intents)";
        db.query_row(read, [], |row| row.get::<_, i64>(0))?;
        let path = path.to_owned();
        Ok(Some(Self { db, path }))
    }
}

/// A database to look into, which takes no lock and leaves no file behind. Where another process has it open, or died with it, its log is
/// there already and is read too.
fn view(path: &Path) -> Result<Connection, LedgerError> {
    let absolute = std::path::absolute(path).map_err(LedgerError::Io)?;
    let log = fs::metadata(with_suffix(&absolute, "-wal"));
    let name = match log.is_ok_and(|log| log.len() > 0) {
        true => absolute.into_os_string(),
        false => unchanging(&absolute),
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(name, flags)?;
    db.busy_timeout(PATIENCE)?;
    Ok(db)
}

/// The file as a URI that says that nobody changes it (<https://sqlite.org/uri.html>).
fn unchanging(path: &Path) -> OsString {
    let mut uri = "file:".to_owned();
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'~' => {
                uri.push(char::from(byte));
            }
            b'\\' if cfg!(windows) => uri.push('/'),
            b':' if cfg!(windows) => uri.push(':'),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    // A drive's letter would be taken for a host.
    match cfg!(windows) {
        true => uri.replacen("file:", "file:///", 1).into(),
        false => uri.into(),
    }
}

/// Whether its folder is there, or could be.
fn can_be_made(path: &Path) -> Result<(), LedgerError> {
    let absolute = std::path::absolute(path).map_err(LedgerError::Io)?;
    let folder = absolute.ancestors().skip(1).find(|folder| folder.exists());
    match folder {
        Some(folder) if !folder.is_dir() => Err(LedgerError::Io(ErrorKind::NotADirectory.into())),
        _ => Ok(()),
    }
}

/// Opened as it is; one that is missing can be made.
fn can_be_written(path: &Path) -> io::Result<()> {
    match File::options().write(true).open(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
