//! An opened server: its data directory, key, database and services.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use license_cli_support::{Audience, Destination, Exit, Failure, Overwrite, show_path};
use license_core::chrono::{DateTime, Utc};
use license_core::issue::{KeyBits, ServerKey, ServerRequestDraft, Signer, VerifyingSigner};
use license_core::{FeatureMatrix, TrustSet, Unverified, with_causes};
use license_issuer::errors::LedgerError;
use license_issuer::ledger::sqlite::{LedgerFile, SqliteLedger};
use license_issuer::ledger::{Ledger, LedgerReader};
use license_issuer::services::issue::own_trust_set;

use super::database::{
    DatabaseAccess, OpenedDatabase, create_tables, open_database, record_first_key, refuse_new_key,
};
use super::vendor_keys::roots;
use super::{billing, metering, people, sales};
use crate::clock::{ServerClock, SystemServerClock};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::domain::{Refusal, RefusalKind, TenantId};
use crate::keys::{self, SigningServer};
use crate::services::{ServerRole, Services, ServicesConfig, TenantServices, VendorConfig};
use crate::store::ServerStore;
use crate::trust_file;

/// An opened server.
pub(super) struct OpenedServer {
    pub(super) tenants: Arc<TenantServices>,
    /// The services of the tenant of the server.
    pub(super) services: Arc<Services>,
    pub(super) clock: Arc<dyn ServerClock>,
    pub(super) has_trust: bool,
    pub(super) database: OpenedDatabase,
}

/// Creates the data directory if it is missing.
///
/// # Errors
///
/// Returns the errors of [`DataDir::create`], and `IO` if the parent of the default directory
/// cannot be created.
pub(super) fn create_directory(config: &Config) -> Result<DataDir, Failure> {
    if let Some(parent) = config.data_dir.parent().filter(|_| config.is_default_dir) {
        let created = std::fs::create_dir_all(parent);
        created.map_err(|error| Failure::io("create", parent, &error))?;
    }
    let (directory, _) = DataDir::create(&config.data_dir)?;
    Ok(directory)
}

/// Creates what is missing of a server: the tables of PostgreSQL, the key and the request to the
/// vendor. Returns whether it created the key.
///
/// # Errors
///
/// Returns the errors of [`keys::create`] and the database.
pub(super) async fn prepare(
    config: &Config,
    directory: &DataDir,
    bits: KeyBits,
) -> Result<bool, Failure> {
    let (key, request) = (directory.key(), directory.request());
    // A key in an HSM exists already.
    let is_new = config.key.is_none() && !key.exists();
    if is_new && directory.database().exists() {
        // A new key would not be certified by the licenses in the database.
        keys::load(config, directory)?;
    }
    if config.database.is_some() {
        create_tables(config).await?;
        if is_new {
            refuse_new_key(config, directory).await?;
        }
    }
    if is_new {
        keys::create(&key, bits)?;
        if config.database.is_some() {
            // The next server of the database does not create another key.
            record_first_key(config, directory).await?;
        }
    }
    if is_new || !request.exists() {
        write_request(directory, config, &request)?;
    }
    Ok(is_new)
}

/// Writes the request that the operator sends to the vendor.
pub(super) fn write_request(
    directory: &DataDir,
    config: &Config,
    path: &Path,
) -> Result<(), Failure> {
    let matrix = trust_file::read_product(config.product_file.as_ref())?;
    let key = keys::load(config, directory)?;
    let draft = ServerRequestDraft {
        product: matrix.product(),
        name: config.name.clone(),
        issued_at: now(),
        machine: None,
    };
    let refused = |error: &(dyn std::error::Error + 'static)| {
        Failure::new(Exit::System, "SIGNING_FAILED", with_causes(error))
            .hint("check --name, and the key in the data directory")
    };
    let token = draft.sign(&key).map_err(|error| refused(&error))?;
    let token = Unverified::parse(&token).map_err(|error| refused(&error))?;
    let file = Destination::File(path.to_owned());
    file.write(
        token.to_armor().as_bytes(),
        Overwrite::Force,
        Audience::Everyone,
    )
}

/// Opens a server whose data directory is prepared.
///
/// # Errors
///
/// Returns the errors of the key, the trust set, the product file and the database.
pub(super) async fn open(
    config: &Config,
    directory: &DataDir,
    access: DatabaseAccess,
) -> Result<OpenedServer, Failure> {
    let key = keys::load(config, directory)?;
    let clock: Arc<dyn ServerClock> = Arc::new(SystemServerClock);
    let open = || open_database(config, directory, &access, Arc::clone(&clock));
    // Servers with PostgreSQL have the trust set in the database. SQLite is opened later, because a
    // server that cannot start must not change it.
    let opened = match &config.database {
        Some(_) => Some(open().await?),
        None => None,
    };
    let shared = opened.as_ref().and_then(|database| database.shared.clone());
    let roots = roots(config, directory, shared)?;
    let trust = roots.keys().await?;
    let matrix = trust_file::read_product(config.product_file.as_ref())?;
    let metering = metering::settings(config, &matrix)?;
    let has_trust = !trust.is_empty();
    let role = role(config, &access, &matrix)?;
    let trust = match &role {
        ServerRole::Vendor(vendor) => trust.joined(&own_trust(&vendor.key)),
        _ => trust,
    };
    let key = server_key(key, &trust)?;
    let earlier = directory.earlier_keys()?;
    let earlier = earlier
        .iter()
        .map(|path| server_key(keys::load_file(path)?, &trust));
    let earlier: Vec<ServerKey> = earlier.collect::<Result<_, _>>()?;
    let database = match opened {
        Some(database) => database,
        None => open().await?,
    };
    let observer = match &access {
        DatabaseAccess::Serve(observer) => {
            database.check_key(config, &key, &earlier).await?;
            Arc::clone(observer)
        }
        DatabaseAccess::Beside => Arc::new(()),
    };
    let store = Arc::clone(&database.store);
    let signer = match &config.key {
        Some(_) => SigningServer::in_token(key, earlier, observer),
        None => SigningServer::in_memory(key, earlier, observer),
    };
    let role = match (role, &config.vendor) {
        (ServerRole::Site, _) => site_role(&*store, &access).await?,
        (role @ ServerRole::Vendor(_), Some(vendor)) => {
            create_ledger(&*store, &vendor.ledger).await?;
            role
        }
        (role, _) => role,
    };
    let tenants = TenantServices::open(ServicesConfig {
        store: Arc::clone(&store),
        clock: Arc::clone(&clock),
        signer: Arc::new(signer),
        tenant: TenantId::site(),
        roots: Arc::new(roots),
        signatures: Arc::default(),
        matrix: Arc::new(matrix),
        issuer: config.name.clone(),
        role,
        telemetry_days: config.telemetry_days,
        people: people::tools(config, directory, &access)?,
        webhooks: Arc::new(config.webhooks.clone()),
        trials: sales::trials(&config.trials),
        invoices: sales::invoices(&config.invoices)?,
        billing: match &access {
            DatabaseAccess::Serve(_) => billing::setup(config)?,
            // Other commands need no access to the files, which the command for billing checks.
            DatabaseAccess::Beside => billing::setup(config).ok().flatten(),
        },
        metering: Arc::new(metering),
    });
    let tenants = tenants.await.map_err(|refusal| refused(&refusal))?;
    Ok(OpenedServer {
        services: Arc::clone(tenants.own()),
        tenants,
        clock,
        has_trust,
        database,
    })
}

/// Returns the role of the server. Only the server itself opens the vendor's key.
fn role(
    config: &Config,
    access: &DatabaseAccess,
    matrix: &FeatureMatrix,
) -> Result<ServerRole, Failure> {
    let Some(vendor) = &config.vendor else {
        return Ok(ServerRole::Site);
    };
    if matches!(access, DatabaseAccess::Beside) {
        return Ok(ServerRole::VendorConsole);
    }
    check_product(&vendor.ledger, matrix)?;
    let key = keys::open_vendor_key(&vendor.signing_key, vendor.passphrase_file.as_deref())?;
    warn_about_key(&vendor.ledger, &key)?;
    Ok(ServerRole::Vendor(Box::new(VendorConfig {
        ledger: vendor.ledger.clone(),
        key,
    })))
}

/// Warns about a signing key that the ledger does not know, which is often the wrong file.
fn warn_about_key(path: &Path, key: &VerifyingSigner) -> Result<(), Failure> {
    let Some(ledger) = open_ledger(path)? else {
        return Ok(());
    };
    let known = ledger.signing_keys();
    let known = known.map_err(|error| ledger_failed(path, &error))?;
    let id = key.public().id();
    if !known.is_empty() && known.get(id.as_str()).is_none() {
        tracing::warn!(
            kid = id.as_str(),
            "no license of the ledger is signed with this key; customers need its public key"
        );
    }
    Ok(())
}

/// Returns a key of the server, which must not sign licenses.
fn server_key(key: VerifyingSigner, trust: &TrustSet) -> Result<ServerKey, Failure> {
    let id = key.public().id().to_string();
    ServerKey::new(key, trust).map_err(|error| {
        let message = format!("key {id}: {}", with_causes(&error));
        Failure::new(Exit::Usage, "SERVER_KEY_TRUSTED", message)
            .hint("a server needs a key of its own: `license-server init` with a new --data-dir creates one")
    })
}

fn own_trust(key: &VerifyingSigner) -> TrustSet {
    own_trust_set(key).unwrap_or_default()
}

/// Refuses a ledger that has only licenses of other products.
fn check_product(path: &Path, matrix: &FeatureMatrix) -> Result<(), Failure> {
    let Some(ledger) = open_ledger(path)? else {
        return Ok(());
    };
    let failed = |error| ledger_failed(path, &error);
    let product = matrix.product();
    let others = ledger.products().map_err(failed)?;
    if others.is_empty() || ledger.holds_product(product).map_err(failed)? {
        return Ok(());
    }
    let others = others.into_iter().collect::<Vec<_>>().join(", ");
    let message = format!(
        "{}: expected licenses of {product}, found those of {others}",
        show_path(path)
    );
    Err(Failure::new(Exit::Usage, "PRODUCT_MISMATCH", message)
        .hint("name the product file of the vendor with --product-file, or another ledger"))
}

/// Returns whether the database has the content of a ledger.
async fn has_ledger(store: &dyn ServerStore) -> Result<bool, Failure> {
    let position = store.ledger_position(&TenantId::site()).await;
    let position = position.map_err(|error| {
        Failure::new(Exit::System, "STORAGE_FAILED", with_causes(&error))
            .hint("check the database in the data directory")
    })?;
    Ok(position.is_some())
}

/// Returns the role of a server without a ledger. The database of a vendor's server would grow
/// stale without one.
async fn site_role(
    store: &dyn ServerStore,
    access: &DatabaseAccess,
) -> Result<ServerRole, Failure> {
    if !has_ledger(store).await? {
        return Ok(ServerRole::Site);
    }
    if matches!(access, DatabaseAccess::Beside) {
        return Ok(ServerRole::VendorConsole);
    }
    let message = "expected the settings ledger and signing_key, because the database belongs to a \
                   vendor's server, found none";
    Err(Failure::new(Exit::Usage, "WRONG_ROLE", message)
        .hint("add the settings, or choose another directory with --data-dir"))
}

/// Creates the ledger of a new server. A server that has copied a ledger must find one.
async fn create_ledger(store: &dyn ServerStore, path: &Path) -> Result<(), Failure> {
    if has_ledger(store).await? && !path.exists() {
        return Err(ledger_failed(path, &LedgerError::Missing));
    }
    let mut ledger = LedgerFile::new(path);
    ledger
        .prepare()
        .map_err(|error| ledger_failed(path, &error))
}

pub(super) fn open_ledger(path: &Path) -> Result<Option<SqliteLedger>, Failure> {
    match SqliteLedger::open_read_only(path) {
        Ok(ledger) => Ok(Some(ledger)),
        Err(LedgerError::Missing) => Ok(None),
        Err(error) => Err(ledger_failed(path, &error)),
    }
}

pub(super) fn ledger_failed(path: &Path, error: &LedgerError) -> Failure {
    let message = format!("{}: {}", show_path(path), with_causes(error));
    let code = match error {
        LedgerError::Busy | LedgerError::Lock(_) => "BUSY",
        _ => "STORAGE_FAILED",
    };
    Failure::new(Exit::System, code, message)
        .hint("name the ledger of keygen with --ledger; `keygen ledger verify` checks it")
}

/// Converts an answer of a service into the failure of a command.
pub(super) fn refused(refusal: &Refusal) -> Failure {
    let exit = match refusal.kind {
        RefusalKind::BadRequest => Exit::Indeterminate,
        RefusalKind::Unavailable | RefusalKind::Internal => Exit::System,
        _ => Exit::Usage,
    };
    let mut message = refusal.detail.clone();
    if let (Some(expected), Some(actual)) = (&refusal.expected, &refusal.actual) {
        // Writing to memory does not fail.
        let _ = write!(message, ": expected {expected}, found {actual}");
    }
    let failure = Failure::new(exit, refusal.code, message);
    match &refusal.hint {
        Some(hint) => failure.hint(hint.clone()),
        None => failure,
    }
}

/// Returns the current time.
pub(super) fn now() -> DateTime<Utc> {
    SystemServerClock.wall()
}

/// Creates the runtime of a command.
///
/// # Errors
///
/// Returns `IO` if the system refuses threads.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.map_err(|error| Failure::io("start", Path::new("the threads of the server"), &error))
}
