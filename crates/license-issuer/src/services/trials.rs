//! Trials: one for each customer and product, and their conversion to paid licenses.

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::issue::LicenseDraft;
use license_core::matrix::TierPolicy;
use license_core::time::rfc3339;
use license_core::{FeatureMatrix, LicenseId, ProductCode, time};

use crate::errors::LedgerError;
use crate::ledger::{LedgerEntry, LedgerReader, LicenseStatus, RecordedLicense};
use crate::records;

/// The reason why a trial is not issued or not converted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrialError {
    /// The ledger cannot be read.
    #[error("the ledger cannot be read")]
    Ledger(#[from] LedgerError),
    /// The customer already had a trial of the product.
    #[error("customer {customer} already had a trial of {product}, {license}")]
    Used {
        /// The customer of the earlier trial.
        customer: String,
        /// The product.
        product: ProductCode,
        /// The id of the earlier trial.
        license: String,
        /// The start of the earlier trial.
        issued_at: String,
        /// The end of the earlier trial.
        expires_at: String,
    },
    /// The license is not a trial.
    #[error("license {license} is not a trial license")]
    NotATrial {
        /// The id of the license.
        license: String,
    },
    /// The trial is revoked.
    #[error("trial {license} is revoked")]
    Revoked {
        /// The id of the trial.
        license: String,
    },
    /// Another license already replaces the trial.
    #[error("trial {license} was already converted")]
    Converted {
        /// The id of the trial.
        license: String,
        /// The license that replaces the trial.
        by: Option<String>,
    },
    /// The trial is for another product.
    #[error("expected a trial of {expected}, found a trial of {found}")]
    OtherProduct {
        /// The product of the license that replaces the trial.
        expected: ProductCode,
        /// The product of the trial.
        found: String,
    },
    /// The trial belongs to another customer.
    #[error("trial {license} belongs to customer {expected}, not to {found}")]
    OtherCustomer {
        /// The id of the trial.
        license: String,
        /// The customer of the trial.
        expected: String,
        /// The customer of the license that replaces the trial.
        found: String,
    },
    /// The license would end before the trial.
    #[error("expected an end after the end of the trial, {trial}, found {found}",
        trial = rfc3339(*.trial_end), found = rfc3339(*.found))]
    EndsBefore {
        /// The end of the trial.
        trial_end: DateTime<Utc>,
        /// The end of the license that replaces the trial.
        found: DateTime<Utc>,
    },
}

/// Returns the draft of a trial: a license of a tier with an end, without a renewal and without
/// check-ins, so that the trial lasts its days where it cannot check in.
#[must_use]
pub fn trial_draft(
    matrix: &FeatureMatrix,
    tier: &TierPolicy,
    id: LicenseId,
    customer: String,
    issued_at: DateTime<Utc>,
    end: DateTime<Utc>,
) -> LicenseDraft {
    let mut draft = LicenseDraft::for_tier(matrix, tier, id, customer, issued_at);
    draft.trial = true;
    draft.renewal = None;
    draft.expires_at = Some(end);
    draft.check_in = None;
    draft
}

/// Returns the trials of a customer, in the order of recording.
///
/// # Errors
///
/// Returns an error if the ledger cannot be read.
pub fn trials_of(
    customer: &str,
    product: ProductCode,
    ledger: &dyn LedgerReader,
) -> Result<Vec<LedgerEntry>, LedgerError> {
    ledger.trials(&records::trial_key(product, customer))
}

/// Refuses a customer who already had a trial of the product.
///
/// # Errors
///
/// Returns [`TrialError::Used`] with the latest trial, and [`TrialError::Ledger`] if the ledger
/// cannot be read.
pub fn refuse_second_trial(
    customer: &str,
    product: ProductCode,
    ledger: &dyn LedgerReader,
) -> Result<(), TrialError> {
    let Some(entry) = trials_of(customer, product, ledger)?.pop() else {
        return Ok(());
    };
    let member = |name| entry.member(name).unwrap_or_default();
    Err(TrialError::Used {
        customer: member("customer"),
        product,
        issued_at: member("issued_at"),
        expires_at: member("expires_at"),
        license: entry.subject,
    })
}

/// Returns the end of a trial if it is still valid at an instant.
#[must_use]
pub fn ends_after(entry: &LedgerEntry, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    entry.time("expires_at").filter(|end| *end > now)
}

/// A trial that can be converted to a paid license.
#[derive(Clone, Debug)]
pub struct ConvertibleTrial {
    entry: LedgerEntry,
    id: LicenseId,
}

impl ConvertibleTrial {
    /// Returns the trial of a row of the ledger.
    ///
    /// # Errors
    ///
    /// Returns [`TrialError::NotATrial`], [`TrialError::Revoked`] and [`TrialError::Converted`].
    pub fn new(row: RecordedLicense, ledger: &dyn LedgerReader) -> Result<Self, TrialError> {
        let license = row.entry.subject.clone();
        if row.entry.member("trial").as_deref() != Some("true") {
            return Err(TrialError::NotATrial { license });
        }
        match row.status {
            LicenseStatus::Revoked => return Err(TrialError::Revoked { license }),
            LicenseStatus::Superseded => {
                let by = ledger.successor(&license)?;
                return Err(TrialError::Converted { license, by });
            }
            _ => {}
        }
        match LicenseId::parse(&license) {
            Some(id) => Ok(Self {
                entry: row.entry,
                id,
            }),
            None => Err(TrialError::NotATrial { license }),
        }
    }

    /// Returns the customer.
    #[must_use]
    pub fn customer(&self) -> String {
        self.entry.member("customer").unwrap_or_default()
    }

    /// Returns an instant in the last day of the trial, unless the trial has ended.
    ///
    /// The paid days are counted from that day.
    #[must_use]
    pub fn last_day(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        ends_after(&self.entry, now).map(|end| time::saturating_sub(end, TimeDelta::seconds(1)))
    }

    /// Lets the draft replace the trial at an instant.
    ///
    /// # Errors
    ///
    /// Returns [`TrialError::OtherProduct`], [`TrialError::OtherCustomer`], and
    /// [`TrialError::EndsBefore`] if the trial ends after the draft.
    pub fn apply(
        &self,
        draft: &mut LicenseDraft,
        product: ProductCode,
        now: DateTime<Utc>,
    ) -> Result<(), TrialError> {
        let found = self.entry.member("product").unwrap_or_default();
        if found != product.as_str() {
            let expected = product;
            return Err(TrialError::OtherProduct { expected, found });
        }
        let (customer, key) = (self.customer(), records::trial_key);
        if key(product, &customer) != key(product, &draft.customer) {
            return Err(TrialError::OtherCustomer {
                license: self.id.to_string(),
                expected: customer,
                found: draft.customer.clone(),
            });
        }
        if let (Some(trial_end), Some(found)) = (ends_after(&self.entry, now), draft.expires_at)
            && found < trial_end
        {
            return Err(TrialError::EndsBefore { trial_end, found });
        }
        // A trial that was extended replaced another one, which the customer may still have.
        let earlier = self.entry.strings("supersedes").into_iter();
        let earlier = earlier.filter_map(|id| LicenseId::parse(&id));
        draft.supersedes.extend(earlier.chain([self.id.clone()]));
        Ok(())
    }

    /// Returns a note about the converted trial.
    #[must_use]
    pub fn note(&self, now: DateTime<Utc>) -> String {
        match ends_after(&self.entry, now) {
            Some(end) => format!(
                "the license replaces trial {}, which would have ended at {end}",
                self.id,
                end = rfc3339(end)
            ),
            None => format!("the license replaces trial {}, which has ended", self.id),
        }
    }
}
