//! The database of a server: SQLite in the data directory, or PostgreSQL.

use std::sync::Arc;

use license_cli_support::{Exit, Failure, show_path};
use license_core::issue::{ServerKey, Signer};
use license_core::with_causes;
use license_issuer::files::LockedFile;
use serde_json::json;

use super::opened::now;
use crate::clock::ServerClock;
use crate::config::{Config, ServiceConfig};
use crate::data_dir::DataDir;
use crate::domain::{Actor, NewAuditEntry, TenantId};
use crate::keys;
use crate::observer::Observer;
use crate::store::postgres::{PostgresConfig, PostgresStore};
use crate::store::redis::RedisConfig;
use crate::store::sqlite::SqliteStore;
use crate::store::{ServerStore, ServerStoreError, SharedStore};

/// How a command uses the database.
pub(super) enum DatabaseAccess {
    /// As a server. The observer gets its measurements. No other process may be a server with the
    /// same data directory.
    Serve(Arc<dyn Observer>),
    /// Beside servers that may run.
    Beside,
}

/// An opened database.
pub(super) struct OpenedDatabase {
    pub(super) store: Arc<dyn ServerStore>,
    /// The values that the servers of a PostgreSQL database share.
    pub(super) shared: Option<Arc<dyn SharedStore>>,
    /// The lock of the data directory of a server with PostgreSQL. A SQLite store has its own.
    _lock: Option<LockedFile>,
}

impl OpenedDatabase {
    /// Checks that this server has the key that the other servers of the database have, and records
    /// a new key. A license certifies one key, so a server with another key could not sign for it.
    ///
    /// # Errors
    ///
    /// Returns `SERVER_KEY_MISMATCH` if the other servers have a key that is neither the current
    /// key of this server nor an earlier one, and the errors of the database.
    pub(super) async fn check_key(
        &self,
        config: &Config,
        current: &ServerKey,
        earlier: &[ServerKey],
    ) -> Result<(), Failure> {
        let Some(shared) = &self.shared else {
            return Ok(());
        };
        let (tenant, id) = (TenantId::site(), current.public().id().to_string());
        let failed = |error| not_opened(config, &error);
        let is_earlier = |kid: &str| earlier.iter().any(|key| key.public().id().as_str() == kid);
        loop {
            let expected = shared.server_key(&tenant).await.map_err(failed)?;
            match expected.as_deref() {
                Some(kid) if kid == id => return Ok(()),
                Some(kid) if !is_earlier(kid) => return Err(other_key(kid, &id)),
                _ => {}
            }
            // Another server may record its key at the same time.
            let replaced = shared.set_server_key(
                &tenant,
                expected.as_deref(),
                &id,
                key_entry(&id, expected.as_deref()),
            );
            if replaced.await.map_err(failed)? {
                return Ok(());
            }
        }
    }
}

/// Opens the database.
///
/// # Errors
///
/// Returns the errors of the database and its password.
pub(super) async fn open_database(
    config: &Config,
    directory: &DataDir,
    access: &DatabaseAccess,
    clock: Arc<dyn ServerClock>,
) -> Result<OpenedDatabase, Failure> {
    let failed = |error| not_opened(config, &error);
    let Some(service) = &config.database else {
        let opened = match access {
            DatabaseAccess::Serve(observer) => {
                SqliteStore::open_observed(directory.path(), clock, Arc::clone(observer))
            }
            DatabaseAccess::Beside if directory.database().exists() => {
                SqliteStore::open_beside(directory.path(), clock)
            }
            // The first command creates the database.
            DatabaseAccess::Beside => SqliteStore::open(directory.path(), clock),
        };
        return Ok(OpenedDatabase {
            store: Arc::new(opened.map_err(failed)?),
            shared: None,
            _lock: None,
        });
    };
    let database = postgres(service)?;
    let (opened, lock) = match access {
        DatabaseAccess::Serve(observer) => {
            let lock = SqliteStore::lock_directory(directory.path()).map_err(failed)?;
            let redis = config.redis.as_ref().map(redis).transpose()?;
            let (redis, observer) = (redis.as_ref(), Arc::clone(observer));
            let opened = PostgresStore::open(&database, redis, clock, observer).await;
            (opened, Some(lock))
        }
        DatabaseAccess::Beside => (PostgresStore::open_beside(&database, clock).await, None),
    };
    let store = Arc::new(opened.map_err(failed)?);
    Ok(OpenedDatabase {
        store: Arc::<PostgresStore>::clone(&store),
        shared: Some(store),
        _lock: lock,
    })
}

/// Returns the address of a PostgreSQL database, with its password.
///
/// # Errors
///
/// Returns the errors of the password, and `USAGE` if the URL is not accepted.
pub(super) fn postgres(service: &ServiceConfig) -> Result<PostgresConfig, Failure> {
    let password = service.password()?;
    let parsed = PostgresConfig::parse(service.url.expose(), password.as_ref());
    parsed.map_err(|expected| bad_url(service, &expected))
}

/// Returns the address of Redis, with its password.
///
/// # Errors
///
/// Returns the errors of the password, and `USAGE` if the URL is not accepted.
pub(super) fn redis(service: &ServiceConfig) -> Result<RedisConfig, Failure> {
    let password = service.password()?;
    let parsed = RedisConfig::parse(service.url.expose(), password.as_ref());
    parsed.map_err(|expected| bad_url(service, &expected))
}

fn bad_url(service: &ServiceConfig, expected: &str) -> Failure {
    let hint = "`license-server check-config --help` lists the settings";
    Failure::usage(format!("{}: {expected}", service.name)).hint(hint)
}

/// Records the key of this server as the one that each server must have.
///
/// # Errors
///
/// Returns the errors of the key and the database.
pub(super) async fn record_key(config: &Config, directory: &DataDir) -> Result<(), Failure> {
    let kid = keys::load(config, directory)?.public().id().to_string();
    let Some(shared) = shared(config, directory).await? else {
        return Ok(());
    };
    let tenant = TenantId::site();
    let failed = |error| not_opened(config, &error);
    let known = shared.server_key(&tenant).await.map_err(failed)?;
    if known.as_ref() == Some(&kid) {
        return Ok(());
    }
    let replaced = shared.set_server_key(
        &tenant,
        known.as_deref(),
        &kid,
        key_entry(&kid, known.as_deref()),
    );
    if replaced.await.map_err(failed)? {
        return Ok(());
    }
    let message = "another server has recorded its key meanwhile";
    Err(Failure::new(Exit::System, "BUSY", message).hint("run the command again"))
}

/// Records the key of the first server of a database.
///
/// # Errors
///
/// Returns `SERVER_KEY_MISMATCH` if another server has recorded its key meanwhile, and the errors
/// of the key and the database.
pub(super) async fn record_first_key(config: &Config, directory: &DataDir) -> Result<(), Failure> {
    let kid = keys::load(config, directory)?.public().id().to_string();
    let Some(shared) = shared(config, directory).await? else {
        return Ok(());
    };
    let tenant = TenantId::site();
    let failed = |error| not_opened(config, &error);
    let recorded = shared.set_server_key(&tenant, None, &kid, key_entry(&kid, None));
    if recorded.await.map_err(failed)? {
        return Ok(());
    }
    let known = shared.server_key(&tenant).await.map_err(failed)?;
    Err(other_key(known.as_deref().unwrap_or("none"), &kid))
}

/// Creates the tables of a PostgreSQL database. Nothing is to do for SQLite.
///
/// # Errors
///
/// Returns the errors of the database and its password.
pub(super) async fn create_tables(config: &Config) -> Result<(), Failure> {
    let Some(service) = &config.database else {
        return Ok(());
    };
    let created = PostgresStore::create_tables(&postgres(service)?).await;
    created.map_err(|error| not_opened(config, &error))
}

/// Lets a role use the tables of a PostgreSQL database, without owning them.
///
/// # Errors
///
/// Returns `DATABASE_SETTING` if the role does not exist or owns the tables, and the errors of the
/// database and its password.
pub(super) async fn grant_tables(
    config: &Config,
    service: &ServiceConfig,
    role: &str,
) -> Result<(), Failure> {
    let granted = PostgresStore::grant(&postgres(service)?, role).await;
    granted.map_err(|error| not_opened(config, &error))
}

/// Refuses to create a key if the other servers of the database have one.
///
/// # Errors
///
/// Returns `SERVER_KEY_MISMATCH` if there is one, and the errors of the database.
pub(super) async fn refuse_new_key(config: &Config, directory: &DataDir) -> Result<(), Failure> {
    let Some(shared) = shared(config, directory).await? else {
        return Ok(());
    };
    let known = shared.server_key(&TenantId::site()).await;
    match known.map_err(|error| not_opened(config, &error))? {
        Some(kid) => Err(other_key(&kid, "none")),
        None => Ok(()),
    }
}

/// Opens what the servers of a PostgreSQL database share. `None`: the database belongs to one
/// server.
///
/// # Errors
///
/// Returns the errors of the database.
pub(super) async fn shared(
    config: &Config,
    directory: &DataDir,
) -> Result<Option<Arc<dyn SharedStore>>, Failure> {
    if config.database.is_none() {
        return Ok(None);
    }
    let clock = Arc::new(crate::clock::SystemServerClock);
    let opened = open_database(config, directory, &DatabaseAccess::Beside, clock).await?;
    Ok(opened.shared)
}

/// Returns the audit entry of a new key, in place of another one.
fn key_entry(kid: &str, former: Option<&str>) -> NewAuditEntry {
    NewAuditEntry::new(Actor::Console, "server.key", kid, json!({}), now())
        .with_before(former.map(|kid| json!({ "kid": kid })))
}

fn other_key(expected: &str, found: &str) -> Failure {
    let message = format!(
        "the other servers of the database have the key {expected}: expected this key, found {found}"
    );
    Failure::new(Exit::Usage, "SERVER_KEY_MISMATCH", message).hint(
        "copy server.key, and each server-*.key, from the data directory of another server; if that \
         key is lost, `license-server init --new-key` creates a new one for all servers",
    )
}

/// Returns the name of the database for messages.
pub(super) fn database_name(config: &Config) -> String {
    match &config.database {
        Some(service) => service.url.to_string(),
        None => show_path(&config.data_dir),
    }
}

/// Maps an error of the database.
pub(super) fn not_opened(config: &Config, error: &ServerStoreError) -> Failure {
    let message = match error {
        // The cause names the lock file in the directory, or the database.
        ServerStoreError::Locked(_)
        | ServerStoreError::Unreachable { .. }
        | ServerStoreError::Tls { .. }
        | ServerStoreError::Redis(_) => with_causes(error),
        _ => format!("{}: {}", database_name(config), with_causes(error)),
    };
    let failure = match error {
        ServerStoreError::Locked(_) => Failure::new(Exit::System, "BUSY", message),
        ServerStoreError::Missing { .. } => Failure::new(Exit::System, "NOT_INITIALIZED", message),
        ServerStoreError::Damaged(_)
        | ServerStoreError::NotAServer { .. }
        | ServerStoreError::Newer { .. } => Failure::malformed(message),
        ServerStoreError::Moved { .. } => Failure::new(Exit::Usage, "DATABASE_MOVED", message),
        ServerStoreError::NotEmpty { .. } => Failure::new(Exit::Usage, "EXISTS", message),
        ServerStoreError::Setting { .. }
        | ServerStoreError::Tls { .. }
        | ServerStoreError::Redis(_) => Failure::new(Exit::Usage, "DATABASE_SETTING", message),
        _ => Failure::new(Exit::System, "STORAGE_FAILED", message),
    };
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None if config.database.is_some() => {
            failure.hint("check the database, and the connection to it")
        }
        None => failure.hint("check the permissions and the free space of the data directory"),
    }
}
