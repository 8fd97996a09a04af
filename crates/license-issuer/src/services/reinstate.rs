//! Reinstatements of revoked licenses.

use license_core::chrono::{DateTime, Utc};

use crate::errors::LedgerError;
use crate::ledger::LedgerReader;
use crate::records;
use crate::services::record::RecordPlan;
use crate::services::revoke::{licenses_of_order, time_of_statement};

/// The reinstatements to record.
///
/// The next revocation list of the same key omits the licenses, which ends their revocation where
/// the list is installed.
#[derive(Clone, Copy, Debug)]
pub struct ReinstatementOrder<'a> {
    /// The ids of the licenses.
    pub licenses: &'a [String],
    /// Whether the licenses that replace these licenses are reinstated too.
    pub with_successors: bool,
    /// The reason.
    pub reason: &'a str,
    /// The time of the reinstatement.
    pub at: DateTime<Utc>,
}

/// The result of an order.
#[derive(Clone, Debug, Default)]
pub struct ReinstatementReport {
    /// The licenses that the order reinstates, each with the reason of its revocation.
    pub reinstated: Vec<(String, String)>,
    /// The licenses of the order that are not revoked.
    pub not_revoked: Vec<String>,
}

impl ReinstatementOrder<'_> {
    /// Plans the reinstatements. Nothing is recorded for a license that is not revoked.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read.
    pub fn plan(
        &self,
        ledger: Option<&dyn LedgerReader>,
    ) -> Result<RecordPlan<ReinstatementReport>, LedgerError> {
        let (mut content, mut entries) = (ReinstatementReport::default(), Vec::new());
        if let Some(ledger) = ledger {
            for id in licenses_of_order(ledger, self.licenses, self.with_successors)? {
                match ledger.revocation(&id)? {
                    Some(entry) => {
                        let at = time_of_statement(ledger, &id, self.at)?;
                        entries.push(records::reinstatement(&id, self.reason, at));
                        let reason = entry.member("reason").unwrap_or_default();
                        content.reinstated.push((id, reason));
                    }
                    None => content.not_revoked.push(id),
                }
            }
        }
        Ok(RecordPlan { content, entries })
    }
}
