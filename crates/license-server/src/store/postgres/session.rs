//! Checks of a new session, before the server uses it.

use deadpool_postgres::ClientWrapper;

use super::queries::query;
use crate::store::ServerStoreError;

/// The oldest version of PostgreSQL that is accepted, as `server_version_num`.
const OLDEST_VERSION: i64 = 140_000;

/// The properties of a session that the server depends on.
#[derive(Clone, Debug)]
struct Session {
    version: i64,
    version_name: String,
    role: String,
    is_superuser: bool,
    bypasses_policies: bool,
    synchronous_commit: String,
    fsync: String,
    full_page_writes: String,
    is_standby: bool,
    is_read_only: String,
    encoding: String,
    idle_timeout: String,
}

/// Refuses a database that can lose a committed change, and a role for which row-level security has
/// no effect.
pub(super) async fn check(client: &ClientWrapper) -> Result<(), ServerStoreError> {
    let row = client.query_one(query!("session_check"), &[]).await?;
    let session = Session {
        version: row.try_get(0)?,
        version_name: row.try_get(1)?,
        role: row.try_get(2)?,
        is_superuser: row.try_get(3)?,
        bypasses_policies: row.try_get(4)?,
        synchronous_commit: row.try_get(5)?,
        fsync: row.try_get(6)?,
        full_page_writes: row.try_get(7)?,
        is_standby: row.try_get(8)?,
        is_read_only: row.try_get(9)?,
        encoding: row.try_get(10)?,
        idle_timeout: row.try_get(11)?,
    };
    session.check()
}

impl Session {
    fn check(&self) -> Result<(), ServerStoreError> {
        let role = &self.role;
        let setting = |name: &str, value: &str| format!("{name}={value}");
        let refuse = |expected: &str, found: String, hint| {
            Err(ServerStoreError::Setting {
                expected: expected.to_owned(),
                found,
                hint,
            })
        };
        if self.version < OLDEST_VERSION {
            let found = self.version_name.clone();
            return refuse("PostgreSQL 14 or newer", found, "upgrade PostgreSQL");
        }
        if self.is_superuser {
            return refuse(
                "a role that is not a superuser",
                format!("the superuser {role}"),
                "create a role for the server: superusers see the rows of all tenants",
            );
        }
        if self.bypasses_policies {
            return refuse(
                "a role without BYPASSRLS",
                format!("the role {role} with BYPASSRLS"),
                "use ALTER ROLE … NOBYPASSRLS, so that the role sees one tenant at a time",
            );
        }
        if self.synchronous_commit == "off" {
            return refuse(
                "synchronous_commit=on",
                setting("synchronous_commit", &self.synchronous_commit),
                "remove the setting: the database would lose granted seats in a crash",
            );
        }
        if self.fsync != "on" {
            return refuse(
                "fsync=on",
                setting("fsync", &self.fsync),
                "set fsync=on: the database would be damaged by a crash of the machine",
            );
        }
        if self.full_page_writes != "on" {
            return refuse(
                "full_page_writes=on",
                setting("full_page_writes", &self.full_page_writes),
                "set full_page_writes=on: the database would be damaged by a crash of the machine",
            );
        }
        if self.is_standby {
            return refuse(
                "a primary database",
                "a standby".to_owned(),
                "give the address of the primary, or of all with target_session_attrs=read-write",
            );
        }
        if self.is_read_only != "off" {
            return refuse(
                "default_transaction_read_only=off",
                setting("default_transaction_read_only", &self.is_read_only),
                "remove the setting of the role or the database",
            );
        }
        if self.encoding != "UTF8" {
            return refuse(
                "a database in UTF8",
                format!("a database in {}", self.encoding),
                "create the database with ENCODING 'UTF8'",
            );
        }
        if self.idle_timeout == "0" {
            return refuse(
                "the time limits that the server sets for its sessions",
                "none".to_owned(),
                "connect to PostgreSQL directly: a connection pooler has dropped them",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted() -> Session {
        Session {
            version: OLDEST_VERSION,
            version_name: "14.0".to_owned(),
            role: "license_server".to_owned(),
            is_superuser: false,
            bypasses_policies: false,
            synchronous_commit: "on".to_owned(),
            fsync: "on".to_owned(),
            full_page_writes: "on".to_owned(),
            is_standby: false,
            is_read_only: "off".to_owned(),
            encoding: "UTF8".to_owned(),
            idle_timeout: "5s".to_owned(),
        }
    }

    #[test]
    fn each_unsafe_setting_is_refused_with_what_was_found() {
        accepted().check().unwrap();
        type SessionChange = fn(&mut Session);
        let changes: [(SessionChange, &str); 10] = [
            (
                |session| {
                    session.version = OLDEST_VERSION - 1;
                    session.version_name = "13.22".to_owned();
                },
                "expected PostgreSQL 14 or newer, found 13.22",
            ),
            (
                |session| session.is_superuser = true,
                "expected a role that is not a superuser, found the superuser license_server",
            ),
            (
                |session| session.bypasses_policies = true,
                "expected a role without BYPASSRLS, found the role license_server with BYPASSRLS",
            ),
            (
                |session| session.synchronous_commit = "off".to_owned(),
                "expected synchronous_commit=on, found synchronous_commit=off",
            ),
            (
                |session| session.fsync = "off".to_owned(),
                "expected fsync=on, found fsync=off",
            ),
            (
                |session| session.full_page_writes = "off".to_owned(),
                "expected full_page_writes=on, found full_page_writes=off",
            ),
            (
                |session| session.is_standby = true,
                "expected a primary database, found a standby",
            ),
            (
                |session| session.is_read_only = "on".to_owned(),
                "expected default_transaction_read_only=off, \
                 found default_transaction_read_only=on",
            ),
            (
                |session| session.encoding = "LATIN1".to_owned(),
                "expected a database in UTF8, found a database in LATIN1",
            ),
            (
                |session| session.idle_timeout = "0".to_owned(),
                "expected the time limits that the server sets for its sessions, found none",
            ),
        ];
        for (change, expected) in changes {
            let mut session = accepted();
            change(&mut session);
            let refused = session.check().unwrap_err();
            assert_eq!(refused.to_string(), expected);
            assert!(refused.hint().is_some(), "{expected}");
        }
        // The other values wait for the disk of this database at least.
        for value in ["local", "remote_write", "remote_apply"] {
            let mut session = accepted();
            session.synchronous_commit = value.to_owned();
            session.check().unwrap();
        }
    }
}
