//! Successors of a license in the ledger, and their effect on a replacement.

use license_cli_support::{Exit, Failure};
use license_core::License;
use license_core::chrono::{DateTime, Utc};
use license_core::issue::LicenseDraft;
use license_core::time::rfc3339;
use license_issuer::ledger::{LedgerReader, LicenseStatus};

use super::lookup::license_of;
use crate::failures;
use crate::inputs::now;

/// Maximum number of successors that are followed.
const MAX_SUCCESSORS: usize = 256;

/// Kind of a license that replaces another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replacement {
    Renewal,
    /// An upgrade or a reassignment.
    Amendment,
}

/// Refuses to replace a license that already has a successor.
///
/// Otherwise, the license would have two successors.
pub(super) fn refuse_replaced(
    license: &License,
    replacement: Replacement,
    ledger: &dyn LedgerReader,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let id = license.id().as_str();
    let Some(last) = last_successor(id, ledger)? else {
        return Ok(());
    };
    let start = license_of(ledger, &last, now)?.and_then(|row| row.entry.member("not_before"));
    let start = start.map_or_else(String::new, |at| format!(", which starts at {at}"));
    let message = format!("license {id} already has a successor: {last}{start}");
    let hint = match replacement {
        Replacement::Renewal => "renew the successor, or revoke it if it was issued by mistake",
        Replacement::Amendment => {
            "change the successor instead: the changed license then replaces both; if the successor was issued by mistake, revoke it"
        }
    };
    Err(Failure::new(Exit::Usage, "RENEWED", message).hint(hint))
}

/// Returns the last license in the chain of successors.
fn last_successor(id: &str, ledger: &dyn LedgerReader) -> Result<Option<String>, Failure> {
    let mut last = None;
    for _ in 0..MAX_SUCCESSORS {
        let successor = ledger.successor(last.as_deref().unwrap_or(id));
        match successor.map_err(failures::ledger_not_read(ledger))? {
            Some(next) => last = Some(next),
            None => break,
        }
    }
    Ok(last)
}

/// Lets the draft start at once if a predecessor of the license is still active, and returns a note
/// about the start.
///
/// Without this change, the replacement of a renewal that has not started would start only on the
/// first day of that renewal. A draft that starts at once replaces both the renewal and its
/// predecessor.
pub(super) fn start_at_once(
    draft: &mut LicenseDraft,
    license: &License,
    ledger: Option<&dyn LedgerReader>,
) -> Result<Option<String>, Failure> {
    let (Some(start), Some(ledger)) = (draft.not_before, ledger) else {
        return Ok(None);
    };
    for previous in license.supersedes() {
        let row = license_of(
            ledger,
            previous.as_str(),
            draft.issued_at.unwrap_or_else(now),
        )?;
        if row.is_some_and(|row| row.status == LicenseStatus::Active) {
            draft.not_before = None;
            return Ok(Some(format!(
                "the license starts at once; it also replaces {previous}, whose successor {} would have started at {start}",
                license.id(),
                start = rfc3339(start)
            )));
        }
    }
    Ok(None)
}
