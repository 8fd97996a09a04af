//! Issuing of artifacts: draft, sign, verify, record, deliver.
//!
//! [`IssueService::issue`] issues all artifacts that a vendor's key signs, except for the licenses
//! of a batch. A dry run calls the same function, which then stops before the first step that
//! changes something.

mod draft;
mod signing;

use license_core::TrustSet;
use license_core::chrono::{DateTime, Utc};
use license_core::issue::{Signer, VerifyingSigner};
use license_core::trust::{TrustError, TrustedKey};

use crate::clock::{Clock, SystemClock};
use crate::delivery::{ArtifactDestination, Delivery};
use crate::errors::{DeliveryError, LedgerError};
use crate::ledger::{Ledger, LedgerEntryKind, LedgerWriter, NewLedgerEntry, PendingArtifact};
use crate::records;
use crate::services::transaction::{Deliverable, IssueTransaction, TransactionError};

pub(super) use signing::ArtifactName;

pub use draft::{Draft, DraftContext, SerialSource, Stage};
pub use signing::{SignError, SignerSource};

/// Whether a service changes anything.
///
/// ```
/// use license_issuer::services::issue::Mode;
///
/// assert!(Mode::DryRun.is_dry_run());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Check everything, and change nothing. Nothing is signed, because a signature alone would
    /// make a valid artifact.
    DryRun,
    /// Issue the artifacts.
    Commit,
}

impl Mode {
    /// Returns [`Mode::DryRun`] if `is_dry_run` is true, and [`Mode::Commit`] otherwise.
    ///
    /// ```
    /// use license_issuer::services::issue::Mode;
    ///
    /// assert_eq!(Mode::new(false), Mode::Commit);
    /// ```
    pub fn new(is_dry_run: bool) -> Self {
        if is_dry_run {
            Self::DryRun
        } else {
            Self::Commit
        }
    }

    /// Returns whether the service changes nothing.
    ///
    /// ```
    /// use license_issuer::services::issue::Mode;
    ///
    /// assert!(!Mode::Commit.is_dry_run());
    /// ```
    pub fn is_dry_run(self) -> bool {
        self == Self::DryRun
    }
}

/// A request to issue artifacts `A` of a draft `D` that the key `K` signs. `E` is the error type of
/// the caller's functions.
pub struct IssueRequest<'r, D, K, A, E> {
    /// Creates the draft. See [`IssueService::issue`].
    pub draft: DraftFn<'r, D, K, E>,
    /// The source of the signing key.
    pub signer: &'r dyn SignerSource<K, Error = E>,
    /// The destination.
    pub destination: ArtifactDestination,
    /// The delivery.
    pub delivery: &'r mut dyn Delivery,
    /// Returns the bytes that are delivered.
    pub render: RenderFn<'r, D, A, E>,
}

/// A function that creates a draft.
pub type DraftFn<'r, D, K, E> = &'r dyn Fn(&DraftContext<'_, K>) -> Result<D, E>;

/// A function that returns the bytes of signed artifacts.
pub type RenderFn<'r, D, A, E> = &'r dyn Fn(&D, &A) -> Result<Vec<u8>, E>;

/// The reason why no artifact was issued. `E` is the error type of the caller's functions.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError<E: std::error::Error + 'static> {
    /// The request is refused, the key cannot be opened, or the artifact cannot be rendered.
    #[error(transparent)]
    Request(E),
    /// The draft could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The ledger could not be opened.
    #[error("cannot open the ledger")]
    OpenLedger(#[source] LedgerError),
    /// The ledger could not be read or written.
    #[error("cannot write to the ledger")]
    Ledger(#[source] LedgerError),
    /// The artifact could not be delivered.
    #[error("cannot deliver the artifact")]
    Delivery(#[source] DeliveryError),
}

impl<E: std::error::Error + 'static> From<TransactionError> for IssueError<E> {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Ledger(error) => Self::Ledger(error),
            TransactionError::Delivery(error) => Self::Delivery(error),
        }
    }
}

/// The result of [`IssueService::issue`].
#[derive(Debug)]
pub struct IssueReport<D, A> {
    /// The final draft.
    pub draft: D,
    /// The signed artifacts. A dry run has none.
    pub signed: Option<A>,
}

/// Issues artifacts with one ledger.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let directory = tempfile::tempdir()?;
/// use license_core::FeatureMatrix;
/// use license_issuer::delivery::{ArtifactDestination, FileDelivery};
/// use license_issuer::files::Collision;
/// use license_issuer::ledger::sqlite::LedgerFile;
/// use license_issuer::services::issue::{IssueRequest, IssueService, Mode};
/// use license_issuer::services::licenses::{LicenseOrder, SignedLicense};
///
/// # let (key, draft) = (fixture::MemoryKey::new()?, fixture::draft()?);
/// # let path = directory.path().join("acme.lic");
/// // `key` implements `SignerSource`, and `draft` is a `LicenseDraft`.
/// let ledger = LedgerFile::new(&directory.path().join("ledger.db"));
/// let report = IssueService::new(Some(ledger)).issue(
///     IssueRequest {
///         draft: &|_| Ok(LicenseOrder::new(draft.clone(), FeatureMatrix::built_in())),
///         signer: &key,
///         destination: ArtifactDestination::file(&path, "4711", Collision::Refuse),
///         delivery: &mut FileDelivery::default(),
///         render: &|_, signed: &SignedLicense| Ok(signed.file.clone().into_bytes()),
///     },
///     Mode::DryRun,
/// )?;
/// // A dry run checks the draft. It signs nothing and writes nothing.
/// assert!(report.signed.is_none());
/// assert!(!path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct IssueService<L, C = SystemClock> {
    pub(super) ledger: Option<L>,
    pub(super) clock: C,
}

impl<L: Ledger> IssueService<L, SystemClock> {
    /// Creates the service. Without a ledger, nothing is recorded.
    pub fn new(ledger: Option<L>) -> Self {
        Self::with_clock(ledger, SystemClock)
    }
}

impl<L: Ledger, C: Clock> IssueService<L, C> {
    /// Creates the service with a clock.
    pub fn with_clock(ledger: Option<L>, clock: C) -> Self {
        Self { ledger, clock }
    }

    /// Issues the artifacts of a draft, or checks in a dry run that they can be issued.
    ///
    /// Calls `draft` twice. The first call happens before the key is opened, so that an invalid
    /// request fails before the passphrase prompt. The second call happens with the key and under
    /// the writer lock, so that the artifact reflects the current state of the ledger. In a dry
    /// run, the second call happens without the lock, and with the key only if the key needs no
    /// secret.
    ///
    /// # Errors
    ///
    /// Returns [`IssueError`] if a step fails. Artifacts that are already in the ledger are issued,
    /// and the next recovery delivers them. Otherwise nothing is issued.
    pub fn issue<D, K, A, E>(
        &mut self,
        request: IssueRequest<'_, D, K, A, E>,
        mode: Mode,
    ) -> Result<IssueReport<D, A>, IssueError<E>>
    where
        D: Draft<K, A>,
        E: std::error::Error + 'static,
    {
        let now = self.clock.now();
        let ledger = self.ledger.as_ref().map(Ledger::check).transpose();
        let ledger = ledger.map_err(IssueError::OpenLedger)?.flatten();
        let context = DraftContext {
            ledger: ledger.as_deref(),
            signer: None,
            stage: Stage::Preliminary,
            mode,
            now,
        };
        let draft = (request.draft)(&context).map_err(IssueError::Request)?;
        draft.check()?;
        let checked = request.delivery.check(&request.destination);
        checked.map_err(IssueError::Delivery)?;
        match mode {
            Mode::DryRun => {
                let signer = request.signer.peek().map_err(IssueError::Request)?;
                let context = DraftContext {
                    signer: signer.as_ref(),
                    stage: Stage::Final,
                    ..context
                };
                let draft = (request.draft)(&context).map_err(IssueError::Request)?;
                draft.check()?;
                Ok(IssueReport {
                    draft,
                    signed: None,
                })
            }
            Mode::Commit => {
                // The read-only view of the ledger must not outlive the first change.
                drop(ledger);
                self.commit(request, draft.needs_signer(), now)
            }
        }
    }

    /// Drafts, signs, verifies, records and delivers under the writer lock.
    fn commit<D, K, A, E>(
        &mut self,
        request: IssueRequest<'_, D, K, A, E>,
        needs_signer: bool,
        now: DateTime<Utc>,
    ) -> Result<IssueReport<D, A>, IssueError<E>>
    where
        D: Draft<K, A>,
        E: std::error::Error + 'static,
    {
        let clock_micros = self.clock.unix_micros();
        if let Some(ledger) = &mut self.ledger {
            ledger.prepare().map_err(IssueError::OpenLedger)?;
        }
        let open = || request.signer.open().map_err(IssueError::Request);
        let mut signer = needs_signer.then(open).transpose()?;
        let mut writer = match &mut self.ledger {
            None => None,
            Some(ledger) => Some(ledger.acquire(now).map_err(IssueError::OpenLedger)?),
        };
        let mut draft = final_draft(&request, writer.as_deref(), signer.as_ref(), now)?;
        if draft.needs_signer() && signer.is_none() {
            signer = Some(open()?);
            draft = final_draft(&request, writer.as_deref(), signer.as_ref(), now)?;
        }
        if let (Some(writer), Some(signer)) = (&mut writer, &signer) {
            for key in request.signer.public_keys(signer) {
                record_signing_key(&mut **writer, key).map_err(IssueError::Ledger)?;
            }
        }
        let mut serials = Serials {
            writer: writer.as_deref_mut(),
            clock_micros,
        };
        let signed = draft.sign(signer.as_ref(), &mut serials)?;
        let content = (request.render)(&draft, &signed).map_err(IssueError::Request)?;
        let mut transaction = IssueTransaction {
            artifacts: new_artifacts(writer.as_deref(), D::entries(&signed), &request.destination)
                .map_err(IssueError::Ledger)?,
            deliverables: vec![Deliverable {
                destination: request.destination,
                content,
            }],
        };
        match &mut writer {
            Some(writer) => transaction.commit(Some(&mut **writer), request.delivery)?,
            None => transaction.commit(None, request.delivery)?,
        }
        Ok(IssueReport {
            draft,
            signed: Some(signed),
        })
    }
}

fn final_draft<D, K, A, E>(
    request: &IssueRequest<'_, D, K, A, E>,
    writer: Option<&dyn LedgerWriter>,
    signer: Option<&K>,
    now: DateTime<Utc>,
) -> Result<D, IssueError<E>>
where
    D: Draft<K, A>,
    E: std::error::Error + 'static,
{
    let context = DraftContext {
        ledger: writer.map(LedgerWriter::reader),
        signer,
        stage: Stage::Final,
        mode: Mode::Commit,
        now,
    };
    (request.draft)(&context).map_err(IssueError::Request)
}

/// Returns a trust set that contains only the public half of a key.
///
/// # Errors
///
/// Returns an error if no verifier trusts the key.
pub fn own_trust_set(key: &VerifyingSigner) -> Result<TrustSet, TrustError> {
    TrustSet::parse(&key.public().to_jwk().to_string())
}

/// Records the public half of a signing key, unless it is already recorded.
///
/// # Errors
///
/// Returns an error if the ledger cannot be read or written.
pub fn record_signing_key(
    writer: &mut dyn LedgerWriter,
    key: &TrustedKey,
) -> Result<(), LedgerError> {
    let entry = records::signing_key(key);
    if writer
        .reader()
        .has(LedgerEntryKind::SigningKey, &entry.subject)?
    {
        return Ok(());
    }
    writer.append(&[entry])
}

/// Returns the artifacts of these entries, without artifacts whose delivery is already confirmed.
///
/// An artifact can already be recorded in two cases: an enterprise key with the same terms is
/// signed again with RS256, or a repeated request gets the same answer again.
fn new_artifacts(
    writer: Option<&dyn LedgerWriter>,
    entries: Vec<NewLedgerEntry>,
    destination: &ArtifactDestination,
) -> Result<Vec<PendingArtifact>, LedgerError> {
    let Some(writer) = writer else {
        return Ok(Vec::new());
    };
    let mut artifacts = Vec::new();
    for entry in entries {
        let recorded = writer.reader().recorded(&entry)?;
        if !recorded.iter().any(|found| found.delivered) {
            artifacts.push(PendingArtifact::new(entry, destination.clone()));
        }
    }
    Ok(artifacts)
}

/// Serials from the ledger, or from the clock if there is no ledger.
struct Serials<'w, 'l> {
    writer: Option<&'w mut (dyn LedgerWriter + 'l)>,
    clock_micros: u64,
}

impl SerialSource for Serials<'_, '_> {
    fn next_serial(&mut self) -> Result<u64, SignError> {
        match &mut self.writer {
            None => Ok(self.clock_micros),
            Some(writer) => writer
                .reserve_serials(1, self.clock_micros)
                .map_err(SignError::Serial),
        }
    }
}

#[cfg(test)]
mod tests;
