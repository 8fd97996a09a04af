//! Reinstatements of revoked licenses.

use std::collections::BTreeMap;

use license_core::chrono::{DateTime, Utc};

use crate::errors::LedgerError;
use crate::ledger::{LedgerEntry, LedgerReader};
use crate::records;
use crate::services::denials::{TokenDenial, denials};
use crate::services::record::RecordPlan;
use crate::services::revoke::licenses_of_order;
use crate::services::rivals::RivalLicenses;
use crate::services::statements::{StatementError, statement_id, time_of_statement};

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
    /// The licenses that another command revoked, each with the reason of its revocation. The order
    /// does not reinstate them.
    pub revoked_separately: Vec<(String, String)>,
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
    /// The order ends one command. A license that an earlier command revoked, or a later one for
    /// another reason, stays revoked.
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
            let ids = licenses_of_order(ledger, self.licenses, self.with_successors)?;
            let statement_id = statement_id(self.at)?;
            let command = self.command(&ids, ledger)?;
            for id in ids {
                let Some(entry) = ledger.revocation(&id)? else {
                    content.not_revoked.push(id);
                    continue;
                };
                let reason = entry.member("reason").unwrap_or_default();
                if command
                    .as_ref()
                    .is_some_and(|command| is_separate(&entry, command))
                {
                    content.revoked_separately.push((id, reason));
                    continue;
                }
                let at = time_of_statement(ledger, &id, self.at)?;
                let reinstatement = records::reinstatement(&id, self.reason, at);
                entries.push(reinstatement.with_member("statement_id", statement_id.as_str()));
                content.denials.extend(denials(&id, ledger)?);
                content.reinstated.push((id, reason));
            }
            let reinstated = content.reinstated.iter().map(|(id, _)| id.as_str());
            content.rivals = RivalLicenses::find(&reinstated.collect(), ledger, self.at)?;
        }
        Ok(RecordPlan { content, entries })
    }

    /// Returns the newest revocation by the command that the order ends.
    ///
    /// This command revoked most of the licenses that the order names, or of their successors if
    /// all named licenses are valid. Of two such commands, the newer one counts.
    fn command(
        &self,
        ids: &[String],
        ledger: &dyn LedgerReader,
    ) -> Result<Option<LedgerEntry>, LedgerError> {
        for ids in [self.licenses, ids] {
            let mut commands: BTreeMap<_, Vec<LedgerEntry>> = BTreeMap::new();
            for id in ids {
                if let Some(entry) = ledger.revocation(id)? {
                    let command = ["statement_id", "reason"].map(|name| entry.member(name));
                    commands.entry(command).or_default().push(entry);
                }
            }
            let newest = commands.into_values().filter_map(|entries| {
                let count = entries.len();
                let newest = entries.into_iter().max_by_key(|entry| entry.seq)?;
                Some((count, newest))
            });
            if let Some((_, found)) = newest.max_by_key(|(count, newest)| (*count, newest.seq)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// Returns whether a license was revoked by another command, and not by a repetition of the
/// command for more licenses. The revocations of a command have the same statement id.
fn is_separate(revocation: &LedgerEntry, command: &LedgerEntry) -> bool {
    let differs = |name| revocation.member(name) != command.member(name);
    differs("reason") || differs("statement_id") && revocation.seq < command.seq
}
