//! The migrations of the database.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::store::ServerStoreError;

/// The migrations. Each migration creates version N from version N-1, in one transaction. A
/// released migration never changes.
pub(super) const MIGRATIONS: [&str; 25] = [
    include_str!("migrations/001-first.sql"),
    include_str!("migrations/002-ledger.sql"),
    include_str!("migrations/003-telemetry.sql"),
    include_str!("migrations/004-moves.sql"),
    include_str!("migrations/005-roles.sql"),
    include_str!("migrations/006-people.sql"),
    include_str!("migrations/007-oidc.sql"),
    include_str!("migrations/008-groups.sql"),
    include_str!("migrations/009-webhooks.sql"),
    include_str!("migrations/010-deletion.sql"),
    include_str!("migrations/011-license-search.sql"),
    include_str!("migrations/012-seat-history.sql"),
    include_str!("migrations/013-billing.sql"),
    include_str!("migrations/014-metering.sql"),
    include_str!("migrations/015-layout.sql"),
    include_str!("migrations/016-trials.sql"),
    include_str!("migrations/017-invoices.sql"),
    include_str!("migrations/018-payments.sql"),
    include_str!("migrations/019-ledger-trials.sql"),
    include_str!("migrations/020-license-seats.sql"),
    include_str!("migrations/021-entered.sql"),
    include_str!("migrations/022-license-tenants.sql"),
    include_str!("migrations/023-anchors.sql"),
    include_str!("migrations/024-subscription-licenses.sql"),
    include_str!("migrations/025-fewer-writes.sql"),
];

/// The version that the last migration creates.
pub(super) const SUPPORTED: i64 = 25;

/// The id that distinguishes the databases of servers (`PRAGMA application_id`).
pub(super) const APPLICATION_ID: i64 = 0x4C69_6353;

/// Returns the version of a database. 0 means an empty database.
///
/// # Errors
///
/// Returns an error if another program or a newer version of this program wrote the database.
pub(super) fn version(db: &Connection, path: &Path) -> Result<i64, ServerStoreError> {
    let (application, found, objects) =
        identity(db).map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => ServerStoreError::NotAServer {
                path: path.to_owned(),
            },
            _ => error.into(),
        })?;
    let supported = SUPPORTED;
    match (application, objects) {
        (0, 0) => Ok(0),
        (APPLICATION_ID, _) if found > supported => {
            Err(ServerStoreError::Newer { found, supported })
        }
        (APPLICATION_ID, 1..) => Ok(found),
        _ => Err(ServerStoreError::NotAServer {
            path: path.to_owned(),
        }),
    }
}

/// Returns the id of the application, the version and the number of schema objects, in one
/// snapshot.
fn identity(db: &Connection) -> Result<(i64, i64, i64), rusqlite::Error> {
    let read = db.unchecked_transaction()?;
    let pragma = |name: &str| read.pragma_query_value(None, name, |row| row.get(0));
    let (application, found) = (pragma("application_id")?, pragma("user_version")?);
    let count = "SELECT count(*) FROM sqlite_schema";
    let objects = read.query_row(count, [], |row| row.get(0))?;
    Ok((application, found, objects))
}

/// Migrates an empty or older database to the supported version.
pub(super) fn migrate(db: &mut Connection) -> Result<(), ServerStoreError> {
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let steps = (1..=SUPPORTED).zip(MIGRATIONS);
    for (number, step) in steps.filter(|(number, _)| *number > found) {
        let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let current: i64 = change.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if current < number {
            change.execute_batch(step)?;
            change.pragma_update(None, "application_id", APPLICATION_ID)?;
            change.pragma_update(None, "user_version", number)?;
        }
        change.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_migration_is_applied() {
        assert_eq!(i64::try_from(MIGRATIONS.len()), Ok(SUPPORTED));
    }
}
