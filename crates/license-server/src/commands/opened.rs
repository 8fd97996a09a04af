//! An opened server: its data directory, key, database and services.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use license_cli_support::{Audience, Destination, Exit, Failure, Overwrite, show_path};
use license_core::chrono::{DateTime, Utc};
use license_core::issue::{KeyBits, ServerKey, ServerRequestDraft, Signer};
use license_core::{FeatureMatrix, TrustSet, Unverified, with_causes};

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::domain::{Refusal, RefusalKind, ServerCode, TenantId};
use crate::keys::{self, SigningServer};
use crate::services::{Services, ServicesConfig, TrustRoots};
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};
use crate::trust_file;

/// How a command uses the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DatabaseAccess {
    /// As the server, which no other process may be.
    Serve,
    /// Beside a server that may run.
    Beside,
}

/// An opened server.
pub(super) struct OpenedServer {
    pub(super) services: Arc<Services>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) has_trust: bool,
}

/// The result of the preparation of a data directory.
pub(super) struct Prepared {
    pub(super) directory: DataDir,
    /// Whether this call created the key.
    pub(super) is_new: bool,
}

/// Creates what is missing of a server: the data directory, the key and the request to the vendor.
///
/// # Errors
///
/// Returns the errors of [`DataDir::create`] and [`keys::create`].
pub(super) fn prepare(config: &Config, bits: KeyBits) -> Result<Prepared, Failure> {
    let (directory, _) = DataDir::create(&config.data_dir)?;
    let (key, request) = (directory.key(), directory.request());
    let is_new = !key.exists();
    if is_new && directory.database().exists() {
        // A new key would not be certified by the licenses in the database.
        keys::load(&key)?;
    }
    if is_new {
        keys::create(&key, bits)?;
    }
    if is_new || !request.exists() {
        write_request(&directory, config, &request)?;
    }
    Ok(Prepared { directory, is_new })
}

/// Writes the request that the operator sends to the vendor.
pub(super) fn write_request(
    directory: &DataDir,
    config: &Config,
    path: &Path,
) -> Result<(), Failure> {
    let matrix = trust_file::read_product(config.product_file.as_ref())?;
    let key = keys::load(&directory.key())?;
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
    let key = keys::load(&directory.key())?;
    let trust = trust(config, directory)?;
    let matrix = trust_file::read_product(config.product_file.as_ref())?;
    let has_trust = !trust.is_empty();
    let id = key.public().id().to_string();
    let key = ServerKey::new(key, &trust).map_err(|error| {
        let message = format!("key {id}: {}", with_causes(&error));
        Failure::new(Exit::Usage, "SERVER_KEY_TRUSTED", message)
            .hint("a server needs a key of its own: `license-server init` with a new --data-dir creates one")
    })?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let opened = match access {
        // The first command creates the database.
        DatabaseAccess::Beside if directory.database().exists() => {
            SqliteStore::open_beside(directory.path(), Arc::clone(&clock))
        }
        _ => SqliteStore::open(directory.path(), Arc::clone(&clock)),
    };
    let store: Arc<dyn Store> = Arc::new(opened.map_err(|error| not_opened(directory, &error))?);
    let services = Services::open(services_config(
        config, directory, &store, &clock, key, matrix,
    ));
    let services = services.await.map_err(|refusal| refused(&refusal))?;
    Ok(OpenedServer {
        services,
        store,
        clock,
        has_trust,
    })
}

fn services_config(
    config: &Config,
    directory: &DataDir,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    key: ServerKey,
    matrix: FeatureMatrix,
) -> ServicesConfig {
    ServicesConfig {
        store: Arc::clone(store),
        clock: Arc::clone(clock),
        signer: Arc::new(SigningServer::new(key)),
        tenant: TenantId::site(),
        roots: Arc::new(TrustFile(trust_path(config, directory))),
        matrix: Arc::new(matrix),
        issuer: config.name.clone(),
    }
}

/// Reads the vendor's public keys of the configuration, or those of the data directory.
fn trust(config: &Config, directory: &DataDir) -> Result<TrustSet, Failure> {
    match &config.trust {
        Some(path) if !path.exists() => Err(Failure::io(
            "read",
            path,
            &std::io::ErrorKind::NotFound.into(),
        )),
        _ => trust_file::read_trust(&trust_path(config, directory)),
    }
}

/// Returns the path of the vendor's public keys.
fn trust_path(config: &Config, directory: &DataDir) -> PathBuf {
    config.trust.clone().unwrap_or_else(|| directory.trust())
}

/// The file with the vendor's public keys. `license-server install` can create it while the server
/// runs.
struct TrustFile(PathBuf);

impl TrustRoots for TrustFile {
    fn read(&self) -> Result<TrustSet, Refusal> {
        trust_file::read_trust(&self.0).map_err(|failure| {
            let detail = failure.message();
            Refusal::new(RefusalKind::Unavailable, ServerCode::StorageFailed, detail)
        })
    }
}

/// Maps an error of the database.
pub(super) fn not_opened(directory: &DataDir, error: &StoreError) -> Failure {
    let message = match error {
        // The cause names the lock file in the directory.
        StoreError::Locked(_) => with_causes(error),
        _ => format!("{}: {}", show_path(directory.path()), with_causes(error)),
    };
    let failure = match error {
        StoreError::Locked(_) => Failure::new(Exit::System, "BUSY", message),
        StoreError::Missing { .. } => Failure::new(Exit::System, "NOT_INITIALIZED", message),
        StoreError::Damaged(_) | StoreError::NotAServer { .. } | StoreError::Newer { .. } => {
            Failure::malformed(message)
        }
        _ => Failure::new(Exit::System, "STORAGE_FAILED", message),
    };
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure.hint("check the permissions and the free space of the data directory"),
    }
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
    SystemClock.wall()
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
