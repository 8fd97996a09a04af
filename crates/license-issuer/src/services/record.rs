//! Entries that deliver nothing, such as revocations.

use license_core::Timestamp;

use crate::errors::LedgerError;
use crate::ledger::{Ledger, LedgerReader, LedgerWriter, NewEntry};
use crate::services::issue::Mode;

/// The reason why nothing was recorded. `E` is the error of the caller's plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError<E: std::error::Error + 'static> {
    /// The request is refused.
    #[error(transparent)]
    Request(E),
    /// The ledger could not be opened.
    #[error("cannot open the ledger")]
    OpenLedger(#[source] LedgerError),
    /// The ledger could not be read or written.
    #[error("cannot write to the ledger")]
    Ledger(#[source] LedgerError),
}

/// What happens if the ledger does not exist yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingLedger {
    /// Nothing is recorded.
    Refuse,
    /// The ledger is created.
    Create,
}

/// A plan with the entries to record.
#[derive(Debug)]
pub struct RecordPlan<T> {
    /// The content of the plan, for a report.
    pub content: T,
    /// The entries. There may be none.
    pub entries: Vec<NewEntry>,
}

impl<T> RecordPlan<T> {
    /// Converts the content of the plan.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> RecordPlan<U> {
        RecordPlan {
            content: convert(self.content),
            entries: self.entries,
        }
    }
}

/// Records the entries of a plan in one transaction, or checks in a dry run that this is possible.
///
/// The plan is made while no other process can write, except in a dry run. It gets no reader if a dry
/// run would create the ledger.
///
/// # Errors
///
/// Returns [`RecordError`] if the plan is refused or the ledger cannot be used. Then nothing is
/// recorded.
pub fn record<L, T, E>(
    ledger: &mut L,
    missing: MissingLedger,
    mode: Mode,
    now: Timestamp,
    plan: impl FnOnce(Option<&dyn LedgerReader>) -> Result<RecordPlan<T>, E>,
) -> Result<T, RecordError<E>>
where
    L: Ledger,
    E: std::error::Error + 'static,
{
    let reader = ledger.check().map_err(RecordError::OpenLedger)?;
    if reader.is_none() && missing == MissingLedger::Refuse {
        return Err(RecordError::OpenLedger(LedgerError::Missing));
    }
    if mode == Mode::DryRun {
        let plan = plan(reader.as_deref()).map_err(RecordError::Request)?;
        return Ok(plan.content);
    }
    // The view of the ledger must not outlive the first change.
    drop(reader);
    ledger.prepare().map_err(RecordError::OpenLedger)?;
    let mut writer = ledger.acquire(now).map_err(RecordError::OpenLedger)?;
    let plan = plan(Some(writer.reader())).map_err(RecordError::Request)?;
    if !plan.entries.is_empty() {
        writer.append(&plan.entries).map_err(RecordError::Ledger)?;
    }
    Ok(plan.content)
}
