//! `keygen issue --convert`: converts a trial to a paid license that keeps the remaining days.

use license_cli_support::{Exit, Failure, escape};
use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::issue::LicenseDraft;
use license_core::time::rfc3339;
use license_core::{FeatureMatrix, LicenseId, time};
use license_issuer::ledger::{LedgerEntry, LedgerReader, LicenseStatus};

use super::draft::ends_after;
use super::lookup::{find_named, not_found};
use crate::inputs::now;

/// Trial that can be converted.
pub(super) struct ConvertibleTrial {
    entry: LedgerEntry,
    id: LicenseId,
}

impl ConvertibleTrial {
    /// Finds the trial that an id, a key or a file names. Refuses a revoked or converted trial.
    pub(super) fn find(
        named: &str,
        ledger: Option<&dyn LedgerReader>,
        now: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        let ledger = ledger.ok_or_else(|| not_found(named))?;
        let row = find_named(ledger, named, now)?;
        let subject = row.entry.subject.clone();
        if row.entry.member("trial").as_deref() != Some("true") {
            return Err(not_a_trial(&subject));
        }
        match row.status {
            LicenseStatus::Revoked => return Err(revoked(&subject)),
            LicenseStatus::Superseded => return Err(converted(&subject, ledger)),
            _ => {}
        }
        let id = LicenseId::parse(&subject).ok_or_else(|| not_a_trial(&subject))?;
        Ok(Self {
            entry: row.entry,
            id,
        })
    }

    pub(super) fn customer(&self) -> String {
        self.entry.member("customer").unwrap_or_default()
    }

    /// Returns an instant in the last day of the trial, unless the trial has ended.
    ///
    /// The paid days are counted from that day.
    pub(super) fn last_day(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        ends_after(&self.entry, now).map(|end| time::saturating_sub(end, TimeDelta::seconds(1)))
    }

    /// Lets the draft replace the trial.
    ///
    /// # Errors
    ///
    /// Returns an error if the trial has another customer or product, or ends after the draft.
    pub(super) fn apply(
        &self,
        draft: &mut LicenseDraft,
        matrix: &FeatureMatrix,
    ) -> Result<(), Failure> {
        let trial_customer = self.customer();
        let key = |customer: &str| license_issuer::records::trial_key(matrix.product(), customer);
        let product = self.entry.member("product").unwrap_or_default();
        if product != matrix.product().as_str() {
            return Err(Failure::usage(format!(
                "expected a trial of {}, found a trial of {product}",
                matrix.product()
            ))
            .hint(format!(
                "add the product file of {product} with --product-file"
            )));
        }
        if key(&trial_customer) != key(&draft.customer) {
            return Err(Failure::usage(format!(
                "trial {} belongs to customer {}, not to {}",
                self.id,
                escape(&trial_customer),
                escape(&draft.customer)
            ))
            .hint("omit --customer, or choose another trial"));
        }
        let trial_end = ends_after(&self.entry, draft.issued_at.unwrap_or_else(now));
        if let (Some(trial_end), Some(end)) = (trial_end, draft.expires_at)
            && end < trial_end
        {
            return Err(Failure::usage(format!(
                "expected an end after the end of the trial, {trial_end}, found {end}", trial_end = rfc3339(trial_end), end = rfc3339(end)
            ))
            .hint("choose a later day with --expires, or use --days, which counts from the end of the trial"));
        }
        draft.supersedes.push(self.id.clone());
        Ok(())
    }

    /// Returns a note about the converted trial.
    pub(super) fn note(&self, draft: &LicenseDraft) -> String {
        match ends_after(&self.entry, draft.issued_at.unwrap_or_else(now)) {
            Some(end) => format!(
                "the license replaces trial {}, which would have ended at {end}",
                self.id,
                end = rfc3339(end)
            ),
            None => format!("the license replaces trial {}, which has ended", self.id),
        }
    }
}

fn not_a_trial(subject: &str) -> Failure {
    Failure::usage(format!("license {subject} is not a trial license"))
        .hint("use --convert with a trial license; `keygen ledger list --json` shows which licenses are trials")
}

fn revoked(subject: &str) -> Failure {
    let message = format!("trial {subject} is revoked");
    Failure::new(Exit::Usage, "REVOKED", message)
        .hint("omit --convert to issue a license without the remaining days of the trial")
}

fn converted(subject: &str, ledger: &dyn LedgerReader) -> Failure {
    let by = match ledger.successor(subject) {
        Ok(Some(by)) => format!(" by {by}"),
        _ => String::new(),
    };
    let message = format!("trial {subject} was already converted{by}");
    Failure::new(Exit::Usage, "CONVERTED", message).hint("omit --convert to issue another license")
}
