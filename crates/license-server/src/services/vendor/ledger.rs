//! Access to the ledger, on threads for blocking work.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use license_core::TrustSet;
use license_core::issue::{Signer, SigningError, VerifyingSigner};
use license_core::trust::TrustedKey;
use license_issuer::ledger::LedgerReader;
use license_issuer::ledger::sqlite::{LedgerFile, SqliteLedger};
use license_issuer::records::{ISSUED_BY, ISSUED_FROM};
use license_issuer::services::issue::{SignerSource, own_trust_set};
use license_issuer::services::vendor_clock::clock_fault;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use super::VendorConfig;
use super::copy::CopyState;
use super::lists::ListCheck;
use super::refusals::{busy, failed_task, ledger_refused, wrong_clock};
use crate::domain::{Actor, Refusal, RefusalKind, ServerCode};

/// How long a request waits for the ledger's lock, and for the requests before it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The version of the ledger's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LedgerVersion {
    /// The number of times that the ledger was opened. Counters of different times differ.
    opened: u64,
    counter: i64,
}

/// An open ledger.
struct OpenReader {
    ledger: SqliteLedger,
    opened: u64,
}

/// Adds the originator of an order to the members of its ledger entry. The copy of the entry has
/// the originator in its audit entry.
pub(super) fn add_originator(members: &mut Map<String, Value>, actor: &Actor) {
    members.insert(ISSUED_BY.to_owned(), actor.to_string().into());
    if let Some(address) = actor.address() {
        members.insert(ISSUED_FROM.to_owned(), address.to_string().into());
    }
}

/// The ledger and the key of a vendor.
pub(in crate::services) struct VendorLedger {
    path: PathBuf,
    signer: Arc<VerifyingSigner>,
    reader: Mutex<Option<OpenReader>>,
    opened: AtomicU64,
    /// One request at a time waits for the ledger's lock, so that few threads wait.
    writing: Arc<Semaphore>,
    /// The keys that sign licenses.
    keys: RwLock<TrustSet>,
    /// The licenses that a revocation or a validation token may deny.
    pub(super) restricted: RwLock<HashSet<String>>,
    /// When revocation lists are checked.
    pub(super) lists: ListCheck,
    /// The state of the copy in the database. The lock allows one copy at a time.
    pub(super) copying: tokio::sync::Mutex<CopyState>,
}

impl VendorLedger {
    /// Opens the ledger for reading. The ledger must exist.
    pub(in crate::services) fn open(config: VendorConfig) -> Result<Self, Refusal> {
        let keys = own_trust_set(&config.key).map_err(|error| {
            let detail = format!("the vendor's key is not accepted: {error}");
            Refusal::new(RefusalKind::Internal, ServerCode::SigningFailed, detail)
        })?;
        let vendor = Self {
            path: config.ledger,
            signer: Arc::new(config.key),
            reader: Mutex::new(None),
            opened: AtomicU64::new(0),
            writing: Arc::new(Semaphore::new(1)),
            keys: RwLock::new(keys),
            restricted: RwLock::default(),
            lists: ListCheck::default(),
            copying: tokio::sync::Mutex::default(),
        };
        vendor.read_keys()?;
        Ok(vendor)
    }

    /// Returns the path of the ledger.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the keys that sign licenses: those of the ledger, and the key of this server.
    pub(in crate::services) fn keys(&self) -> TrustSet {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.clone()
    }

    /// Reads the keys of the ledger.
    fn read_keys(&self) -> Result<(), Refusal> {
        let found = self.with_reader(|ledger| ledger.signing_keys().map_err(ledger_refused))?;
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *keys = keys.joined(&found);
        Ok(())
    }

    /// Reads the keys of the ledger, on a thread for blocking work.
    pub(super) async fn refresh_keys(self: &Arc<Self>) -> Result<(), Refusal> {
        let vendor = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || vendor.read_keys());
        task.await.unwrap_or_else(|_| Err(failed_task()))
    }

    /// Returns the version of the ledger's content.
    pub(super) async fn version(self: &Arc<Self>) -> Result<LedgerVersion, Refusal> {
        let vendor = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            vendor.with_open(|open| {
                Ok(LedgerVersion {
                    opened: open.opened,
                    counter: open.ledger.change_counter().map_err(ledger_refused)?,
                })
            })
        });
        task.await.unwrap_or_else(|_| Err(failed_task()))
    }

    /// Calls a function with read access to the ledger, on this thread.
    fn with_reader<T>(
        &self,
        read: impl FnOnce(&SqliteLedger) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.with_open(|open| read(&open.ledger))
    }

    fn with_open<T>(
        &self,
        read: impl FnOnce(&OpenReader) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let open = match reader.take() {
            Some(open) => open,
            None => OpenReader {
                ledger: SqliteLedger::open_read_only(&self.path).map_err(ledger_refused)?,
                opened: self.opened.fetch_add(1, Ordering::Relaxed),
            },
        };
        let result = read(&open);
        // After an error, the next call opens the ledger again.
        *reader = result.is_ok().then_some(open);
        result
    }

    /// Calls a function with read access to the ledger, on a thread for blocking work.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&SqliteLedger) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let vendor = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || vendor.with_reader(read));
        task.await.unwrap_or_else(|_| Err(failed_task()))
    }

    /// Calls a function that may write to the ledger, on a thread for blocking work.
    pub(super) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        write: impl FnOnce(&Self, LedgerFile) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let permit = Arc::clone(&self.writing).acquire_owned();
        let permit = tokio::time::timeout(PATIENCE, permit).await;
        let permit = permit.ok().and_then(Result::ok).ok_or_else(busy)?;
        let vendor = Arc::clone(self);
        // The work ends even if the client disconnects.
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let file = LedgerFile::new(&vendor.path).with_lock_timeout(PATIENCE);
            write(&vendor, file)
        });
        task.await.unwrap_or_else(|_| Err(failed_task()))
    }
}

/// Refuses a clock that contradicts the ledger.
pub(super) fn check_clock(
    ledger: Option<&dyn LedgerReader>,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let fault = ledger.map(|ledger| clock_fault(ledger, now)).transpose();
    match fault.map_err(ledger_refused)?.flatten() {
        Some(fault) => Err(wrong_clock(&fault)),
        None => Ok(()),
    }
}

/// The vendor's key, which was opened when the server started.
impl SignerSource<VerifyingSigner> for VendorLedger {
    type Error = super::refusals::OrderError;

    fn peek(&self) -> Result<Option<VerifyingSigner>, Self::Error> {
        self.open_signer().map(Some)
    }

    fn open(&self) -> Result<VerifyingSigner, Self::Error> {
        self.open_signer()
    }

    fn public_keys<'s>(&self, signer: &'s VerifyingSigner) -> Vec<&'s TrustedKey> {
        vec![signer.public()]
    }
}

impl VendorLedger {
    fn open_signer(&self) -> Result<VerifyingSigner, super::refusals::OrderError> {
        Ok(VerifyingSigner::new(Box::new(SharedSigner(Arc::clone(
            &self.signer,
        )))))
    }
}

/// A key that several services share.
struct SharedSigner(Arc<VerifyingSigner>);

impl Signer for SharedSigner {
    fn public(&self) -> &TrustedKey {
        self.0.public()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.0.sign(message)
    }

    fn is_verifying(&self) -> bool {
        self.0.is_verifying()
    }
}
