//! Usage reports. Nothing is sent anywhere.

use license_core::usage::ClosedEntry;
use thiserror::Error;

use super::LicenseManager;
use crate::journal::Journal;
use crate::problem::StateProblem;
use crate::sealed_file::Durability;
use crate::state::{Loaded, State};
use crate::state_dir::StateDirError;
use crate::store::{Damaged, Store, StoreError};

/// Whether a usage report closes the open period.
///
/// ```
/// # const TRUST: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # let scratch = tempfile::tempdir()?;
/// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
/// #     .product(license_client::FeatureMatrix::built_in())
/// #     .state_dir(scratch.path().join("state"))
/// #     .build()?;
/// use license_client::UsageReportMode;
///
/// // Shows the report that would be written. Counting continues.
/// let preview = client.manager().usage_report(UsageReportMode::DryRun)?;
/// println!("{} entries", preview.entries.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UsageReportMode {
    /// The report closes the open period.
    Commit,
    /// The report shows the entry that would be closed. Nothing is written, and counting continues.
    DryRun,
}

/// The usage of a machine.
///
/// ```
/// # const TRUST: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # let scratch = tempfile::tempdir()?;
/// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
/// #     .product(license_client::FeatureMatrix::built_in())
/// #     .state_dir(scratch.path().join("state"))
/// #     .build()?;
/// use license_client::UsageReportMode;
///
/// let export = client.manager().usage_report(UsageReportMode::DryRun)?;
/// for problem in &export.problems {
///     eprintln!("{problem}");
/// }
/// assert!(export.entries.is_empty(), "nothing was used yet");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
#[must_use]
pub struct UsageExport {
    /// The stored entries, oldest first.
    pub entries: Vec<ClosedEntry>,
    /// Files that could not be read or written.
    pub problems: Vec<StateProblem>,
}

/// The reason why a usage report cannot be created.
///
/// ```
/// # const TRUST: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # let scratch = tempfile::tempdir()?;
/// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
/// #     .product(license_client::FeatureMatrix::built_in())
/// #     .state_dir(scratch.path().join("state"))
/// #     .build()?;
/// use license_client::{UsageReportMode, with_causes};
///
/// match client.manager().usage_report(UsageReportMode::Commit) {
///     Ok(export) => println!("{} entries", export.entries.len()),
///     Err(error) => eprintln!("{}", with_causes(&error)),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// No state directory is known.
    #[error("cannot determine the state directory")]
    StateDir(#[from] StateDirError),
    /// The state directory cannot be used.
    #[error("cannot use the state directory")]
    Store(#[from] StoreError),
    /// The counts cannot be read.
    #[error("cannot read the usage counts")]
    State(#[from] StateProblem),
    /// The system provides no random bytes.
    #[error("the system provides no random bytes")]
    NoRandomness,
}

impl LicenseManager {
    /// Returns the usage entries of this machine, including the usage since the last entry.
    ///
    /// With [`UsageReportMode::Commit`], waits up to ten seconds while other processes write.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// use license_client::UsageReportMode;
    /// use license_client::license_core::usage;
    ///
    /// let export = manager.usage_report(UsageReportMode::Commit)?;
    /// let is_anonymized = false;
    /// let report = usage::write(manager.product(), &export.entries, is_anonymized);
    /// print!("{report}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`ReportError`] if the entries cannot be read or the open period cannot be closed.
    pub fn usage_report(&self, mode: UsageReportMode) -> Result<UsageExport, ReportError> {
        let paths = self.writable_paths()?;
        let store = paths.user();
        if !store.dir().path().is_dir() {
            return Ok(UsageExport::default());
        }
        match mode {
            UsageReportMode::Commit => self.close_and_export(store),
            UsageReportMode::DryRun => self.preview(store),
        }
    }

    /// Returns the number of entries in the journal, or `None` if the journal is missing or empty.
    /// Changes nothing.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// match client.manager().inspect_journal()? {
    ///     Some(entries) => println!("{entries} entries for usage reports"),
    ///     None => println!("no usage was counted yet"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`StateProblem`] if the journal cannot be used.
    pub fn inspect_journal(&self) -> Result<Option<usize>, StateProblem> {
        let Ok(paths) = self.paths() else {
            return Ok(None);
        };
        match Journal::inspect(paths.user(), self.seal()) {
            (_, Some(problem)) => Err(problem),
            (journal, None) if journal.entries.is_empty() => Ok(None),
            (journal, None) => Ok(Some(journal.entries.len())),
        }
    }

    fn close_and_export(&self, store: &Store) -> Result<UsageExport, ReportError> {
        let lock = store.lock()?;
        let loaded = State::load_locked(&lock, store, self.seal());
        let (mut state, mut problems) = (loaded.state, loaded.problems);
        if let Some(problem) = problems.pop_if(|_| loaded.is_partial) {
            return Err(problem.into());
        }
        // The journal is read first, so that no entry is closed if the journal is damaged.
        let (journal, problem) = Journal::load_locked(&lock, store, self.seal());
        if let Some(problem) = problem {
            return Err(problem.into());
        }
        state.high_water.observe(self.reading());
        let pending = self.take_pending();
        let recorded = self.record(&lock, store, &mut state, &pending);
        let closed = recorded.and_then(|()| self.close_period(&mut state));
        if let Err(error) = closed {
            self.restore_pending(pending);
            return Err(error);
        }
        if state.closed.is_empty() {
            let entries = journal.entries;
            return Ok(UsageExport { entries, problems });
        }
        let durable = [Durability::Process, Durability::PowerLoss];
        if let Err(unsaved) = self.save_state(&lock, &state, durable) {
            if !unsaved.is_in_one_file {
                self.restore_pending(pending);
            }
            return Err(ReportError::Store(unsaved.into()));
        }
        let entries = self.write_journal(&lock, store, &mut state)?.entries;
        Ok(UsageExport { entries, problems })
    }

    fn preview(&self, store: &Store) -> Result<UsageExport, ReportError> {
        let Loaded {
            mut state,
            problems,
            ..
        } = State::load(store, self.seal(), Damaged::Leave);
        let (mut journal, problem) = Journal::inspect(store, self.seal());
        if let Some(problem) = problem {
            return Err(problem.into());
        }
        state.high_water.observe(self.reading());
        self.close_period(&mut state)?;
        journal.append(&state.closed);
        let entries = journal.entries;
        Ok(UsageExport { entries, problems })
    }
}
