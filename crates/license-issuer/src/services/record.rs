//! Recording of entries without an artifact, such as revocations.

use license_core::chrono::{DateTime, Utc};

use crate::errors::LedgerError;
use crate::ledger::{Ledger, LedgerReader, NewLedgerEntry};
use crate::services::issue::{IssueError, Mode};

/// The treatment of a ledger that does not exist yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingLedger {
    /// Recording fails.
    Refuse,
    /// The ledger is created.
    Create,
}

/// A plan with the entries to record.
#[derive(Debug)]
pub struct RecordPlan<T> {
    /// The content of the plan, for a report.
    pub content: T,
    /// The entries to record. The list may be empty.
    pub entries: Vec<NewLedgerEntry>,
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
/// Calls `plan` under the writer lock, except in a dry run. In a dry run, `plan` gets no reader if
/// the ledger does not exist yet.
///
/// # Errors
///
/// Returns [`IssueError`] if the plan is refused or the ledger cannot be used. In both cases,
/// nothing is recorded.
pub fn record<L, T, E>(
    ledger: &mut L,
    missing: MissingLedger,
    mode: Mode,
    now: DateTime<Utc>,
    plan: impl FnOnce(Option<&dyn LedgerReader>) -> Result<RecordPlan<T>, E>,
) -> Result<T, IssueError<E>>
where
    L: Ledger,
    E: std::error::Error + 'static,
{
    let reader = ledger.check().map_err(IssueError::OpenLedger)?;
    if reader.is_none() && missing == MissingLedger::Refuse {
        return Err(IssueError::OpenLedger(LedgerError::Missing));
    }
    if mode == Mode::DryRun {
        let plan = plan(reader.as_deref()).map_err(IssueError::Request)?;
        return Ok(plan.content);
    }
    // The read-only view of the ledger must not outlive the first change.
    drop(reader);
    ledger.prepare().map_err(IssueError::OpenLedger)?;
    let mut writer = ledger.acquire(now).map_err(IssueError::OpenLedger)?;
    let plan = plan(Some(writer.reader())).map_err(IssueError::Request)?;
    if !plan.entries.is_empty() {
        writer.append(&plan.entries).map_err(IssueError::Ledger)?;
    }
    Ok(plan.content)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use license_core::time;

    use super::*;
    use crate::ledger::sqlite::{LedgerFile, SqliteLedger};
    use crate::records;

    #[derive(Debug, thiserror::Error)]
    #[error("refused")]
    struct PlanRefused;

    fn plan(_: Option<&dyn LedgerReader>) -> Result<RecordPlan<u8>, PlanRefused> {
        let entry = |id: &str| records::revocation(id, "fraud", time::MIN);
        Ok(RecordPlan {
            content: 2,
            entries: vec![entry("one"), entry("two")],
        })
    }

    #[test]
    fn entries_are_recorded_together_and_a_dry_run_records_no_entries() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        let mut file = LedgerFile::new(&path);
        for (mode, is_recorded) in [(Mode::DryRun, false), (Mode::Commit, true)] {
            let missing = MissingLedger::Create;
            let content = record(&mut file, missing, mode, time::MIN, plan);
            assert_eq!(content.unwrap(), 2);
            assert_eq!(path.exists(), is_recorded);
        }
        let ledger = SqliteLedger::open_read_only(&path).unwrap();
        assert!(ledger.contains("one").unwrap() && ledger.contains("two").unwrap());
    }

    #[test]
    fn nothing_is_recorded_if_the_plan_is_refused_or_the_ledger_is_missing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        let mut file = LedgerFile::new(&path);
        for mode in [Mode::DryRun, Mode::Commit] {
            let refused = record(&mut file, MissingLedger::Refuse, mode, time::MIN, plan);
            assert!(matches!(
                refused,
                Err(IssueError::OpenLedger(LedgerError::Missing))
            ));
            assert!(!path.exists());
        }
        let refuse = |_: Option<&dyn LedgerReader>| Err::<RecordPlan<()>, _>(PlanRefused);
        let missing = MissingLedger::Create;
        let refused = record(&mut file, missing, Mode::Commit, time::MIN, refuse);
        assert!(matches!(refused, Err(IssueError::Request(PlanRefused))));
        let ledger = SqliteLedger::open_read_only(&path).unwrap();
        assert_eq!(ledger.verify_chain(None).unwrap().entries, 0);
    }
}
