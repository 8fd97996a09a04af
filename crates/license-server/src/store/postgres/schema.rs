//! The migrations of the database.

use super::database::Database;
use super::queries::query;
use super::transaction::Transaction;
use crate::store::ServerStoreError;

/// The migrations. Each migration creates version N from version N-1. A released migration never
/// changes.
pub(super) const MIGRATIONS: [&str; 20] = [
    include_str!("migrations/001-first.sql"),
    include_str!("migrations/002-roles.sql"),
    include_str!("migrations/003-people.sql"),
    include_str!("migrations/004-oidc.sql"),
    include_str!("migrations/005-groups.sql"),
    include_str!("migrations/006-webhooks.sql"),
    include_str!("migrations/007-deletion.sql"),
    include_str!("migrations/008-license-search.sql"),
    include_str!("migrations/009-seat-history.sql"),
    include_str!("migrations/010-billing.sql"),
    include_str!("migrations/011-metering.sql"),
    include_str!("migrations/012-trials.sql"),
    include_str!("migrations/013-invoices.sql"),
    include_str!("migrations/014-payments.sql"),
    include_str!("migrations/015-ledger-trials.sql"),
    include_str!("migrations/016-license-seats.sql"),
    include_str!("migrations/017-entered.sql"),
    include_str!("migrations/018-license-tenants.sql"),
    include_str!("migrations/019-anchors.sql"),
    include_str!("migrations/020-subscription-licenses.sql"),
];

/// The version that the last migration creates.
pub(super) const SUPPORTED: i64 = 20;

/// The advisory lock of migrations and of other maintenance: the id of the databases of servers.
pub(super) const ADVISORY_LOCK: i64 = 0x4C69_6353;

/// Takes the advisory lock until the end of the transaction. Maintenance can take longer than other
/// transactions.
pub(super) async fn lock(transaction: &Transaction) -> Result<(), ServerStoreError> {
    let limits = "SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = '10min'";
    transaction.batch(limits).await?;
    transaction
        .query(query!("schema_lock"), &[&ADVISORY_LOCK])
        .await?;
    Ok(())
}

/// Migrates an empty or older database to the supported version. Servers that start at the same
/// time wait for each other.
pub(super) async fn migrate(database: &Database) -> Result<(), ServerStoreError> {
    let transaction = database.begin_for_all().await?;
    let migrated = run(&transaction).await;
    transaction.end(migrated).await
}

async fn run(transaction: &Transaction) -> Result<(), ServerStoreError> {
    lock(transaction).await?;
    let found = version(transaction).await?;
    if (1..SUPPORTED).contains(&found) {
        require_owner(transaction).await?;
    }
    for (number, step) in (1..=SUPPORTED).zip(MIGRATIONS) {
        if found < number {
            transaction.batch(step).await?;
            transaction
                .execute(query!("schema_version_put"), &[&number])
                .await?;
        }
    }
    Ok(())
}

/// Refuses a migration by a role that does not own the tables.
async fn require_owner(transaction: &Transaction) -> Result<(), ServerStoreError> {
    let row = transaction.query_one(query!("schema_owner"), &[]).await?;
    let (is_owner, role): (bool, String) = (row.try_get(0)?, row.try_get(1)?);
    if is_owner {
        return Ok(());
    }
    Err(ServerStoreError::Setting {
        expected: "the owner of the tables, for their migration".to_owned(),
        found: format!("the role {role}, which does not own them"),
        hint: "run `license-server init` of this version with the URL of the owner, and start again",
    })
}

/// Refuses a database that has another version than the supported one.
pub(super) async fn refuse_other(database: &Database) -> Result<(), ServerStoreError> {
    let transaction = database.begin_for_all().await?;
    let found = version(&transaction).await;
    let found = transaction.end(found).await?;
    let supported = SUPPORTED;
    match found {
        0 => Err(ServerStoreError::Setting {
            expected: "the tables of a license server".to_owned(),
            found: "an empty database".to_owned(),
            hint: "create the tables with `license-server init`",
        }),
        _ if found < supported => Err(ServerStoreError::Older { found, supported }),
        _ => Ok(()),
    }
}

/// Returns the version of a database. 0 means an empty database in which the role can create
/// tables.
///
/// # Errors
///
/// Returns an error if another program or a newer version of this program created the tables.
async fn version(transaction: &Transaction) -> Result<i64, ServerStoreError> {
    let state = transaction.query_one(query!("schema_state"), &[]).await?;
    let (has_version, tables): (bool, i64) = (state.try_get(0)?, state.try_get(1)?);
    if !has_version {
        let (can_create, role): (bool, String) = (state.try_get(2)?, state.try_get(3)?);
        let schema: String = state.try_get(4)?;
        if tables > 0 {
            return Err(ServerStoreError::Setting {
                expected: format!("the tables of a license server in the schema {schema}"),
                found: format!("{tables} other tables"),
                hint: "give the URL of another database",
            });
        }
        if !can_create {
            return Err(ServerStoreError::Setting {
                expected: format!("a role that can create tables in the schema {schema}"),
                found: format!("the role {role}, which cannot"),
                hint: "make the role the owner of the database (ALTER DATABASE … OWNER TO …), or run \
                       `license-server init --grant-to ROLE` with the URL of the owner",
            });
        }
        return Ok(0);
    }
    let row = transaction.query_one(query!("schema_version"), &[]).await?;
    let found = row.try_get(0)?;
    let supported = SUPPORTED;
    if found > supported {
        return Err(ServerStoreError::Newer { found, supported });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_migration_is_applied() {
        assert_eq!(i64::try_from(MIGRATIONS.len()), Ok(SUPPORTED));
    }
}
