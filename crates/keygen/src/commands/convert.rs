//! `keygen issue --convert`: a trial becomes a paid license, which keeps what was left of it.

use license_cli_support::{Exit, Failure, escape};
use license_core::issue::LicenseDraft;
use license_core::{LicenseId, Matrix, Timestamp};
use license_issuer::ledger::{Entry, LedgerReader, LicenseStatus};

use super::drafting::ends_after;
use super::lookup::{find_license, not_found};
use crate::inputs::now;

/// A trial that may be converted.
pub(super) struct Converted {
    entry: Entry,
    id: LicenseId,
}

impl Converted {
    /// Finds the trial that an id or key names, and refuses one that is used up.
    pub(super) fn find(
        named: &str,
        ledger: Option<&dyn LedgerReader>,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let ledger = ledger.ok_or_else(|| not_found(named))?;
        let row = find_license(ledger, named, now)?.ok_or_else(|| not_found(named))?;
        let subject = row.entry.subject.clone();
        if row.entry.fact("trial").as_deref() != Some("true") {
            return Err(no_trial(&subject));
        }
        match row.status {
            LicenseStatus::Revoked => return Err(revoked(&subject)),
            LicenseStatus::Superseded => return Err(converted(&subject, ledger)),
            _ => {}
        }
        let id = LicenseId::parse(&subject).ok_or_else(|| no_trial(&subject))?;
        Ok(Self {
            entry: row.entry,
            id,
        })
    }

    pub(super) fn customer(&self) -> String {
        self.entry.fact("customer").unwrap_or_default()
    }

    /// The last day that it covers, if that is still to come: paid days are counted from its end.
    pub(super) fn last_day(&self, now: Timestamp) -> Option<Timestamp> {
        ends_after(&self.entry, now).map(|end| end.minus(1))
    }

    /// Makes the license the one that replaces the trial.
    ///
    /// # Errors
    /// If it is another customer's or product's, or ends before the trial.
    pub(super) fn apply(&self, draft: &mut LicenseDraft, matrix: &Matrix) -> Result<(), Failure> {
        let had = self.customer();
        let of = |customer: &str| license_issuer::records::trial_key(matrix.product(), customer);
        let product = self.entry.fact("product").unwrap_or_default();
        if product != matrix.product().as_str() {
            return Err(Failure::usage(format!(
                "expected a trial of {}, found one of {product}",
                matrix.product()
            ))
            .hint(format!(
                "give the product file of {product} with --product-file"
            )));
        }
        if of(&had) != of(&draft.customer) {
            return Err(Failure::usage(format!(
                "trial {} is {}'s, not {}'s",
                self.id,
                escape(&had),
                escape(&draft.customer)
            ))
            .hint("leave --customer away, or name another trial"));
        }
        let left = ends_after(&self.entry, draft.issued_at.unwrap_or_else(now));
        if let (Some(left), Some(end)) = (left, draft.expires_at)
            && end < left
        {
            return Err(Failure::usage(format!(
                "expected an end after that of the trial, {left}, found {end}"
            ))
            .hint("--days counts from the end of the trial; --expires must be later"));
        }
        draft.supersedes.push(self.id.clone());
        Ok(())
    }

    /// What is told of it.
    pub(super) fn note(&self, draft: &LicenseDraft) -> String {
        match ends_after(&self.entry, draft.issued_at.unwrap_or_else(now)) {
            Some(end) => format!(
                "it replaces trial {}, which would have ended at {end}",
                self.id
            ),
            None => format!("it replaces trial {}, of which nothing is left", self.id),
        }
    }
}

fn no_trial(subject: &str) -> Failure {
    Failure::usage(format!("expected a trial, found {subject}, which is none"))
        .hint("`keygen ledger list --json` says which licenses are trials; leave --convert away for others")
}

fn revoked(subject: &str) -> Failure {
    let message = format!("trial {subject} is revoked");
    Failure::new(Exit::Usage, "REVOKED", message)
        .hint("leave --convert away to mint a license that keeps nothing of it")
}

fn converted(subject: &str, ledger: &dyn LedgerReader) -> Failure {
    let by = match ledger.successor(subject) {
        Ok(Some(by)) => format!(" by {by}"),
        _ => String::new(),
    };
    let message = format!("trial {subject} was converted already{by}");
    Failure::new(Exit::Usage, "CONVERTED", message)
        .hint("leave --convert away to mint another license")
}
