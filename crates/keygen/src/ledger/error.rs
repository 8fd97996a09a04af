//! Why a ledger can't be used.

use std::fmt;

/// Why a ledger can't be used.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum LedgerError {
    /// There is none.
    Missing,
    /// The file is another database, or none.
    NotALedger,
    /// The database is damaged.
    Damaged,
    /// It is of a later version of this program.
    Newer { found: i64, supported: i64 },
    /// There are no more serials.
    Full,
    /// The path is not UTF-8, as the database needs it.
    NotText,
    /// The file system refuses.
    Io(std::io::Error),
    /// The database refuses.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => Self::NotALedger,
            Some(rusqlite::ErrorCode::DatabaseCorrupt) => Self::Damaged,
            _ => Self::Database(error),
        }
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("expected a ledger, found none"),
            Self::NotALedger => f.write_str("expected a ledger, found something else"),
            Self::Damaged => f.write_str("expected a whole ledger, found a damaged database"),
            Self::Newer { found, supported } => {
                write!(
                    f,
                    "expected a ledger of version {supported} at most, found {found}"
                )
            }
            Self::Full => f.write_str("no more serials are left"),
            Self::NotText => f.write_str("expected a path in UTF-8"),
            Self::Io(error) => error.fmt(f),
            Self::Database(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LedgerError {}
