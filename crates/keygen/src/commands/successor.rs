//! What follows a license in the ledger, and what that means for who changes it.

use license_cli_support::{Exit, Failure};
use license_core::issue::LicenseDraft;
use license_core::{License, Timestamp};
use license_issuer::ledger::{LedgerReader, LicenseStatus};

use super::lookup::license_of;
use crate::failures;
use crate::inputs::now;

/// So many successors are followed at most.
const MAX_SUCCESSORS: usize = 256;

/// What is to be done with a license.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Renew,
    /// An upgrade, or another user.
    Terms,
}

/// Refuses a license that has a successor: by itself changed, it would leave that behind, or stand beside it twice.
pub(super) fn refuse_followed(
    license: &License,
    change: Change,
    ledger: &dyn LedgerReader,
    now: Timestamp,
) -> Result<(), Failure> {
    let id = license.id().as_str();
    let Some(last) = last_successor(id, ledger)? else {
        return Ok(());
    };
    let begins = license_of(ledger, &last, now)?.and_then(|row| row.entry.fact("not_before"));
    let begins = begins.map_or_else(String::new, |at| format!(", which begins at {at}"));
    let message = format!("license {id} has its successor already: {last}{begins}");
    let hint = match change {
        Change::Renew => "renew that one, or revoke it if it was minted by mistake",
        Change::Terms => {
            "name that one: what is changed of it counts at once, and replaces both; or revoke it if it was minted by mistake"
        }
    };
    Err(Failure::new(Exit::Usage, "RENEWED", message).hint(hint))
}

/// The last of those that take the place of one another.
fn last_successor(id: &str, ledger: &dyn LedgerReader) -> Result<Option<String>, Failure> {
    let mut last = None;
    for _ in 0..MAX_SUCCESSORS {
        let after = ledger.successor(last.as_deref().unwrap_or(id));
        match after.map_err(failures::ledger_not_read(ledger))? {
            Some(next) => last = Some(next),
            None => break,
        }
    }
    Ok(last)
}

/// Where what goes on from a license that holds has still to begin, its change begins at once, and so replaces both. The note tells.
pub(super) fn begin_at_once(
    draft: &mut LicenseDraft,
    license: &License,
    ledger: Option<&dyn LedgerReader>,
) -> Result<Option<String>, Failure> {
    let (Some(start), Some(ledger)) = (draft.not_before, ledger) else {
        return Ok(None);
    };
    for former in license.supersedes() {
        let row = license_of(ledger, former.as_str(), draft.issued_at.unwrap_or_else(now))?;
        if row.is_some_and(|row| row.status == LicenseStatus::Active) {
            draft.not_before = None;
            return Ok(Some(format!(
                "it begins at once and replaces {former} too, which {} would have followed at {start}",
                license.id()
            )));
        }
    }
    Ok(None)
}
