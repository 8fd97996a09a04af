//! A role for servers that does not own the tables.

use super::database::Database;
use super::queries::query;
use super::transaction::Transaction;
use crate::store::ServerStoreError;

/// Lets a role use the tables, without owning them.
///
/// # Errors
///
/// Returns [`ServerStoreError::Setting`] if the role does not exist, or is the current one.
pub(super) async fn grant(database: &Database, role: &str) -> Result<(), ServerStoreError> {
    let db = database.begin_for_all().await?;
    let granted = run(&db, role).await;
    db.end(granted).await
}

async fn run(db: &Transaction, role: &str) -> Result<(), ServerStoreError> {
    let refused = |expected: &str, hint| {
        Err(ServerStoreError::Setting {
            expected: expected.to_owned(),
            found: format!("the role {role}"),
            hint,
        })
    };
    let Some(row) = db.query_opt(query!("role_grants"), &[&role]).await? else {
        let hint = "create the role, such as with `createuser --pwprompt`";
        return refused("an existing role", hint);
    };
    let (is_current, grants): (bool, String) = (row.try_get(0)?, row.try_get(1)?);
    if is_current {
        let hint = "run the command with the URL of the owner, and name the role of the servers";
        return refused("another role than the owner of the tables", hint);
    }
    db.batch(&grants).await
}
