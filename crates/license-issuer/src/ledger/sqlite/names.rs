//! Names of customers in SQL.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use crate::folding::folded;

/// The SQL function that folds a name.
///
/// Only queries use the function. In an index, it would make the ledger unreadable for other
/// programs.
pub(super) const FOLDED: &str = "folded_name";

/// Adds the function [`FOLDED`] to a connection.
pub(super) fn register(db: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    db.create_scalar_function(FOLDED, 1, flags, |context| {
        let name = context.get::<Option<String>>(0)?;
        Ok(name.map(|name| folded(&name)))
    })
}
