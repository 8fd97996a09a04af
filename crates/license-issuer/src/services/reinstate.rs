//! Reinstatements of revoked licenses.

use license_core::chrono::{DateTime, Utc};

use crate::ledger::LedgerReader;
use crate::records;
use crate::services::denials::{TokenDenial, denials};
use crate::services::record::RecordPlan;
use crate::services::revoke::licenses_of_order;
use crate::services::rivals::RivalLicenses;
use crate::services::statements::{StatementError, identified, time_of_statement};

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
    /// Valid licenses that replace the same license, at least one of which is reinstated. The
    /// customer would have more than one of them.
    pub rivals: Vec<RivalLicenses>,
    /// The validation tokens that deny a reinstated license until a newer token is installed.
    pub denials: Vec<TokenDenial>,
}

impl ReinstatementOrder<'_> {
    /// Plans the reinstatements. Nothing is recorded for a license that is not revoked.
    ///
    /// # Errors
    ///
    /// Returns [`StatementError`] if the ledger cannot be read, or if the operating system provides
    /// no random bytes.
    pub fn plan(
        &self,
        ledger: Option<&dyn LedgerReader>,
    ) -> Result<RecordPlan<ReinstatementReport>, StatementError> {
        let (mut content, mut entries) = (ReinstatementReport::default(), Vec::new());
        if let Some(ledger) = ledger {
            for id in licenses_of_order(ledger, self.licenses, self.with_successors)? {
                match ledger.revocation(&id)? {
                    Some(entry) => {
                        let at = time_of_statement(ledger, &id, self.at)?;
                        let reinstatement = records::reinstatement(&id, self.reason, at);
                        entries.push(identified(reinstatement, self.at)?);
                        content.denials.extend(denials(&id, ledger)?);
                        let reason = entry.member("reason").unwrap_or_default();
                        content.reinstated.push((id, reason));
                    }
                    None => content.not_revoked.push(id),
                }
            }
            let reinstated = content.reinstated.iter().map(|(id, _)| id.as_str());
            content.rivals = RivalLicenses::find(&reinstated.collect(), ledger, self.at)?;
        }
        Ok(RecordPlan { content, entries })
    }
}
